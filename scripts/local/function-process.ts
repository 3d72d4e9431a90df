import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { platformStart } from './platform-start.ts'

export interface FunctionProcessOptions {
  readonly name: string
  /** The entry point of the bundle, where it is not the name: of a bulk lane's function. */
  readonly code?: string
  /** Folder of the bundle: `dist/<code>`. */
  readonly source: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /** Its log lines are appended here. */
  readonly logFile: string
  /** Takes the standard output of one process, each of its own; nobody by default. */
  readonly openOutput?: () => { write(chunk: Uint8Array): void }
  /** Where a debugger can attach on 127.0.0.1; 0 means any free port. Nowhere by default. */
  readonly inspectPort?: number
}

/** Tells when the function listens, and ends it with this process, however this one ends. */
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'function-preload.mjs')).href

/** How long a function may take from its start until it listens: a second, or many on a machine that is busy with other things. */
const START_LIMIT_MS = 60_000

/** One deployed function: its bundle on the functions framework, in a process of its own that can be killed and restarted. */
export class FunctionProcess {
  readonly name: string
  readonly code: string
  readonly url: string
  readonly #options: FunctionProcessOptions
  readonly #log: WriteStream
  readonly #lastWords = new WeakMap<ChildProcess, string>()
  #source: string
  #debuggerUrl: string | undefined
  #child: ChildProcess | undefined

  constructor(options: FunctionProcessOptions) {
    mkdirSync(dirname(options.logFile), { recursive: true })
    this.name = options.name
    this.code = options.code ?? options.name
    this.url = `http://127.0.0.1:${options.port}/`
    this.#options = options
    this.#source = options.source
    this.#log = createWriteStream(options.logFile, { flags: 'a' })
  }

  /** A second instance of the same deployment, on a port of its own; not started yet. */
  another(port: number): FunctionProcess {
    return new FunctionProcess({ ...this.#options, source: this.#source, port })
  }

  /** False before its start, and once it has ended in whatever way. */
  get running(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child)
  }

  /** Folder of the build that it runs. */
  get source(): string {
    return this.#source
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
    this.#child = this.#spawn(this.#source)
    await this.#said(this.#child, 'listening')
  }

  /**
   * Puts another build of the function in the place of this one. The new process loads first; when it cannot, this rejects
   * with its last words, and the old one runs on. Then the old one finishes what it holds, and the new one takes its port.
   *
   * @param handOver calls what it is given, while nobody sends anything
   */
  async replace(source: string, handOver: (switchOver: () => Promise<void>) => Promise<void>): Promise<void> {
    const next = this.#spawn(source, { STAND_IN: 'true' })
    try {
      await this.#said(next, 'loaded')
      await handOver(async () => {
        await this.stop()
        this.#child = next
        this.#source = source
        const listening = this.#said(next, 'listening')
        next.send('listen')
        await listening
      })
    } catch (error) {
      if (this.#child !== next) next.kill('SIGKILL')
      throw error
    }
  }

  #spawn(source: string, more: Readonly<Record<string, string>> = {}): ChildProcess {
    const { port, env, openOutput, inspectPort } = this.#options
    const start = platformStart(source, this.code, port)
    const { PATH, NODE_COMPILE_CACHE } = process.env
    const child = spawn(process.execPath, [`--import=${PRELOAD}`, start.main], {
      cwd: start.cwd,
      env: {
        ...{ PATH, NODE_COMPILE_CACHE, NODE_ENV: 'production' },
        ...(inspectPort !== undefined && { INSPECT_PORT: String(inspectPort) }),
        ...{ ...env, ...start.env, ...more },
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child.on('message', (message) => {
      if (typeof message === 'string' && message.startsWith('ws:')) this.#debuggerUrl = message
    })
    const output = openOutput?.()
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#lastWords.set(child, `${this.#lastWords.get(child) ?? ''}${chunk}`.slice(-2_000))
        this.#log.write(chunk)
      })
    }
    if (output !== undefined) child.stdout?.on('data', (chunk: Buffer) => output.write(chunk))
    return child
  }

  /** Resolves when the process says this; rejects when it ends instead, or is silent for too long. */
  async #said(child: ChildProcess, word: 'loaded' | 'listening'): Promise<void> {
    const { name, port } = this.#options
    const lastWords = () => this.#lastWords.get(child) ?? ''
    // By its own word: a port that answers might be somebody else's, who took it first.
    const signal = AbortSignal.timeout(START_LIMIT_MS)
    try {
      if (!hasEnded(child)) await Promise.race([heard(child, word), once(child, 'exit', { signal })])
    } catch (cause) {
      child.kill('SIGKILL')
      const missing = word === 'loaded' ? 'has not loaded' : `does not listen on port ${port}`
      throw new Error(`function ${name} ${missing}:\n${lastWords()}`, { cause })
    }
    if (hasEnded(child)) throw new Error(`function ${name} ended at its start:\n${lastWords()}`)
  }

  /** Where a debugger attaches: `ws://127.0.0.1:<port>/<id>`; undefined without `inspectPort`, or when that port is taken. */
  get debuggerUrl(): string | undefined {
    return this.#debuggerUrl
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

/** Resolves when a process says the word, whatever else it says before. */
function heard(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === word) resolve()
    })
  })
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
