import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { findChromium } from './chromium.ts'

/** Logs of the functions and screenshots stay here for whoever looks into a failure. */
const DIRECTORY = join(PROJECT_ROOT, '.local', 'browser')

/** Finds the browser, and runs `npm start` as a person does, once for all suites. They find it by what is set here. */
export default async function start(): Promise<void> {
  const browser = findChromium(process.env)
  rmSync(DIRECTORY, { recursive: true, force: true })
  const stack = spawn(process.execPath, ['scripts/local/start.ts', '--port', 'all=0', '--directory', DIRECTORY], {
    cwd: PROJECT_ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  })
  const printed: string[] = []
  for await (const line of createInterface(stack.stdout)) {
    printed.push(line)
    if (line.includes('breaks Customer.io')) break
  }
  stack.stdout.resume()
  const url = printed.map((line) => /^ *console +(http:\S+)/.exec(line)?.[1]).find((found) => found !== undefined)
  if (url === undefined) throw new Error(`npm start did not say where the console is:\n${printed.join('\n')}`)
  Object.assign(process.env, {
    CHROME_PATH: browser,
    CONSOLE_URL: url,
    CONSOLE_DIRECTORY: DIRECTORY,
    CONSOLE_STACK: String(stack.pid),
    CONSOLE_PRINTED: printed.join('\n'),
  })
}
