import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../topology/topology.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Both, in the order in which they came. */
  readonly output: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

/** `npm run cio …` as a shell runs it, in a folder of the checkout. */
export function npmRun(
  args: readonly string[],
  options: RunOptions & { readonly directory?: string } = {},
): Promise<Ended> {
  return startProcess(['npm', 'run', '--silent', 'cio', ...args], options).ended
}

function startProcess(
  [program = '', ...args]: readonly string[],
  { input = '', env, directory = PROJECT_ROOT }: RunOptions & { readonly directory?: string },
): Started {
  const child = spawn(program, args, {
    cwd: directory,
    // Nothing of the tests' own environment decides what it does.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, METADATA_SERVER_DETECTION: 'none', ...env },
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    output += chunk.toString()
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return { child, ended: once(child, 'close').then(([code]): Ended => ({ code, stdout, stderr, output })) }
}

/** Starts `cio` as a person does: in a process of its own. `fixed` arguments and variables go to every call. */
export function commandLine(fixed: readonly string[], env: Readonly<Record<string, string>> = {}) {
  function start(args: readonly string[], options: RunOptions = {}): Started {
    const command = [process.execPath, join(PROJECT_ROOT, 'scripts/cio/cio.ts'), ...args, ...fixed]
    return startProcess(command, { ...options, env: { ...env, ...options.env } })
  }

  return {
    start,
    run: (args: readonly string[], options?: RunOptions): Promise<Ended> => start(args, options).ended,
    /** Runs it with --json and gives the document; throws with what it printed when it has failed. */
    async json(args: readonly string[], options?: RunOptions): Promise<unknown> {
      const ended = await start([...args, '--json'], options).ended
      if (ended.code !== 0) throw new Error(`cio ${args.join(' ')}: exit ${ended.code}\n${ended.stdout}${ended.stderr}`)
      return JSON.parse(ended.stdout)
    },
  }
}

export type CommandLine = ReturnType<typeof commandLine>
