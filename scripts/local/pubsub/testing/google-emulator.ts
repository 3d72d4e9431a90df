import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'

const USUAL_SDK_ROOTS = [
  process.env.CLOUDSDK_ROOT_DIR,
  '/usr/lib/google-cloud-sdk',
  '/usr/local/google-cloud-sdk',
  '/opt/google-cloud-sdk',
  '/opt/homebrew/share/google-cloud-sdk',
  '/snap/google-cloud-cli/current',
  join(homedir(), 'google-cloud-sdk'),
]

/** Google's own emulator on this machine, if it is installed and there is a Java to run it. */
export function findGoogleEmulator(): string | undefined {
  if (!runs('java', ['-version'])) return undefined
  for (const root of USUAL_SDK_ROOTS) {
    const jar = root === undefined ? undefined : jarBelow(root)
    if (jar !== undefined) return jar
  }
  const root = runs('gcloud', ['info', '--format=value(installation.sdk_root)'])?.trim()
  return root === undefined ? undefined : jarBelow(root)
}

function jarBelow(sdkRoot: string): string | undefined {
  const folder = join(sdkRoot, 'platform/pubsub-emulator/lib')
  return existsSync(folder) ? globSync(join(folder, '*.jar')).at(0) : undefined
}

/** What the command prints; undefined when it cannot be run. */
function runs(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) || ' '
  } catch {
    return undefined
  }
}

export interface RunningEmulator {
  readonly host: string
  close(): Promise<void>
}

/** Runs the jar itself: through gcloud, a parent that is killed leaves the server behind. */
export async function startGoogleEmulator(jar: string): Promise<RunningEmulator> {
  const port = await freePort()
  const child = spawn('java', ['-Xmx256m', '-jar', jar, '--host=127.0.0.1', `--port=${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  await new Promise<void>((resolve, reject) => {
    let output = ''
    const listen = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('Server started, listening')) resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Google's emulator ended with code ${code}: ${output}`)))
  })
  return {
    host: `127.0.0.1:${port}`,
    close: async () => {
      process.off('exit', kill)
      child.kill()
      await once(child, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
