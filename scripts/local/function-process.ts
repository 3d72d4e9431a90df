import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { platformStart } from './platform-start.ts'

export interface FunctionProcessOptions {
  readonly name: string
  /** Folder of the bundle: `dist/<name>`. */
  readonly source: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /** Its log lines are appended here. */
  readonly logFile: string
  /** Takes the standard output of one process, each of its own; nobody by default. */
  readonly openOutput?: () => { write(chunk: Uint8Array): void }
}

/** Tells when the function listens, and ends it with this process, however this one ends. */
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'function-preload.mjs')).href

/** How long a function may take from its start until it listens: a second, or many on a machine that is busy with other things. */
const START_LIMIT_MS = 60_000

/** One deployed function: its bundle on the functions framework, in a process of its own that can be killed and restarted. */
export class FunctionProcess {
  readonly name: string
  readonly url: string
  readonly #options: FunctionProcessOptions
  readonly #log: WriteStream
  #child: ChildProcess | undefined

  constructor(options: FunctionProcessOptions) {
    mkdirSync(dirname(options.logFile), { recursive: true })
    this.name = options.name
    this.url = `http://127.0.0.1:${options.port}/`
    this.#options = options
    this.#log = createWriteStream(options.logFile, { flags: 'a' })
  }

  /** A second instance of the same deployment, on a port of its own; not started yet. */
  another(port: number): FunctionProcess {
    return new FunctionProcess({ ...this.#options, port })
  }

  /** False before its start, and once it has ended in whatever way. */
  get running(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child)
  }

  /** The file that its log lines are appended to. */
  get logFile(): string {
    return this.#options.logFile
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts the process and resolves once it listens. Rejects, with its last words, when it ends before that. */
  async start(): Promise<void> {
    const { name, source, port, env, openOutput } = this.#options
    const start = platformStart(source, name, port)
    const child = spawn(process.execPath, [`--import=${PRELOAD}`, start.main], {
      cwd: start.cwd,
      env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env, ...start.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    let lastWords = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        lastWords = `${lastWords}${chunk}`.slice(-2_000)
        this.#log.write(chunk)
      })
    }
    const output = openOutput?.()
    if (output !== undefined) child.stdout?.on('data', (chunk: Buffer) => output.write(chunk))
    // By its own word: a port that answers might be somebody else's, who took it first.
    const signal = AbortSignal.timeout(START_LIMIT_MS)
    await Promise.race([once(child, 'message', { signal }), once(child, 'exit', { signal })]).catch(
      (cause: unknown) => {
        throw new Error(`function ${name} does not listen on port ${port}:\n${lastWords}`, { cause })
      },
    )
    if (hasEnded(child)) throw new Error(`function ${name} ended at its start:\n${lastWords}`)
  }

  /** Sends a signal; does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends the process and resolves once it is gone and what it wrote has been read. SIGTERM lets it finish what it holds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const ended = once(child, 'close')
    child.kill(signal)
    await ended
  }

  /** Ends it for good and closes its log. */
  async close(): Promise<void> {
    await this.stop('SIGKILL')
    this.#log.end()
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
