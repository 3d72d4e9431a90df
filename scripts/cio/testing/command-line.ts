import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../topology/topology.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts `cio` as a person does: in a process of its own. `fixed` arguments and variables go to every call. */
export function commandLine(fixed: readonly string[], env: Readonly<Record<string, string>> = {}) {
  function start(args: readonly string[], options: RunOptions = {}): Started {
    const child = spawn(process.execPath, [join(PROJECT_ROOT, 'scripts/cio/cio.ts'), ...args, ...fixed], {
      // Nothing of the tests' own environment decides what it does.
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        METADATA_SERVER_DETECTION: 'none',
        ...env,
        ...options.env,
      },
      stdio: 'pipe',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    const ended = once(child, 'close').then(([code]): Ended => ({ code, stdout, stderr }))
    return { child, ended }
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
