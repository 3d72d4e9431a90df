import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { run } from '../program.ts'

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
  /** What a person types at a terminal when they are asked, in the place of `input`. */
  readonly typed?: string
  readonly env?: Readonly<Record<string, string>>
  /** Hears each write to standard output, of a run within the test's process. */
  readonly onStdout?: (text: string) => void
}

/** `npm run cio …` as a shell runs it, in a folder of the checkout. */
export function npmRun(
  args: readonly string[],
  options: RunOptions & { readonly directory?: string } = {},
): Promise<Ended> {
  return startProcess(['npm', 'run', '--silent', 'cio', ...args], options).ended
}

/** Nothing of the tests' own environment decides what it does. */
function environmentOf(env: RunOptions['env']): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env }
}

function startProcess(
  [program = '', ...args]: readonly string[],
  { input = '', env, directory = PROJECT_ROOT }: RunOptions & { readonly directory?: string },
): Started {
  const child = spawn(program, args, {
    cwd: directory,
    env: environmentOf(env),
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

/** Like the output of a process, it cannot be ended by who writes to it: prompts try. */
class Sink extends Writable {
  constructor(take: (text: string) => void) {
    super({
      write(chunk: Buffer, _encoding, written) {
        take(chunk.toString())
        written()
      },
    })
  }

  override end(): this {
    return this
  }
}

let turn: Promise<unknown> = Promise.resolve()

/** Runs `cio` within the test's own process. One after the other: each has the process's environment to itself. */
function runHere(args: readonly string[], options: RunOptions): Promise<Ended> {
  const ended = turn.then(async (): Promise<Ended> => {
    const texts = { stdout: '', stderr: '', output: '' }
    const keyboard = Object.assign(new PassThrough(), { isTTY: true })
    let isAsked = false
    const into = (name: 'stdout' | 'stderr') =>
      new Sink((text) => {
        texts[name] += text
        texts.output += text
        if (name === 'stdout') options.onStdout?.(text)
        if (isAsked || !texts.stderr.includes('(y/N)')) return
        isAsked = true
        // The prompt throws away what was typed before it was shown.
        setImmediate(() => keyboard.write(options.typed ?? ''))
      })
    const { env } = process
    process.env = environmentOf(options.env)
    try {
      const stdin = options.typed === undefined ? Readable.from([Buffer.from(options.input ?? '')]) : keyboard
      const code = await run(args, { stdin, stdout: into('stdout'), stderr: into('stderr') })
      return { code, ...texts }
    } finally {
      process.env = env
    }
  })
  turn = ended.catch(() => {})
  return ended
}

/** `cio` with arguments and variables that go to every call. */
export function commandLine(fixed: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const withFixed = (options: RunOptions): RunOptions => ({ ...options, env: { ...env, ...options.env } })

  return {
    /** As a person does: in a process of its own, for what kills it or needs its start. */
    start(args: readonly string[], options: RunOptions = {}): Started {
      const command = [process.execPath, join(PROJECT_ROOT, 'scripts/cio/cio.ts'), ...args, ...fixed]
      return startProcess(command, withFixed(options))
    },
    /** The same program, in this process: a start takes a second and more. */
    run: (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
      runHere([...args, ...fixed], withFixed(options)),
    /** Runs it with --json and gives the document; throws with what it printed when it has failed. */
    async json(args: readonly string[], options: RunOptions = {}): Promise<unknown> {
      const ended = await runHere([...args, '--json', ...fixed], withFixed(options))
      if (ended.code !== 0) throw new Error(`cio ${args.join(' ')}: exit ${ended.code}\n${ended.stdout}${ended.stderr}`)
      return JSON.parse(ended.stdout)
    },
  }
}

export type CommandLine = ReturnType<typeof commandLine>
