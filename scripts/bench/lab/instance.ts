import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, isListening } from '../../emulators/ports.ts'
import { platformStart } from '../../local/platform-start.ts'
import { Connection } from '../load/connection.ts'

export interface InstanceOptions {
  /** The name under which it registers. */
  readonly name: string
  /** Folder of its bundle. */
  readonly source: string
  readonly env: Readonly<Record<string, string>>
  /** Further arguments for Node, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[]
}

export interface FirstAnswer {
  /** From the spawn of the process until the first message was answered. */
  readonly milliseconds: number
  readonly status: number
}

/** A connection is tried this often until the instance listens. */
const TRY_EVERY_MS = 1
const START_LIMIT_MS = 30_000

/** One instance: a bundle on the functions framework in a process of its own, with its log read and thrown away. */
export class Instance {
  readonly name: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #logReader: ChildProcess
  readonly #spawnedAtMs: number

  private constructor(name: string, port: number, child: ChildProcess, logReader: ChildProcess, spawnedAtMs: number) {
    this.name = name
    this.port = port
    this.#child = child
    this.#logReader = logReader
    this.#spawnedAtMs = spawnedAtMs
  }

  static async spawn(options: InstanceOptions): Promise<Instance> {
    const { name, source, env, nodeArguments = [] } = options
    const port = await freePort()
    // The platform reads the log through a pipe, so here too: another process, lest its work counts as the bench's.
    const logReader = spawn('tail', ['-c', '2000'], { stdio: ['pipe', 'inherit', 'inherit'] })
    await once(logReader, 'spawn')
    const start = platformStart(source, name, port)
    const spawnedAtMs = performance.now()
    const child = spawn(process.execPath, [...nodeArguments, start.main], {
      cwd: start.cwd,
      env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env, ...start.env },
      stdio: ['ignore', logReader.stdin, logReader.stdin],
    })
    logReader.stdin.destroy()
    // Whatever ends the bench ends what it measures.
    const end = () => child.kill('SIGKILL')
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    return new Instance(name, port, child, logReader, spawnedAtMs)
  }

  /** Pushes one message as soon as the instance listens, and waits for the answer. */
  async firstAnswer(request: Buffer): Promise<FirstAnswer> {
    await this.listening()
    const connection = new Connection(this.port)
    const status = await new Promise<number>((resolve) => connection.send(request, resolve))
    const milliseconds = performance.now() - this.#spawnedAtMs
    connection.close()
    return { milliseconds, status }
  }

  get pid(): number {
    return pidOf(this.#child)
  }

  /** Of the instance and of the reader of its log. */
  get pids(): readonly number[] {
    return [this.pid, pidOf(this.#logReader)]
  }

  /** SIGTERM lets it finish, and write what it was told to write at its end. */
  async close(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#logReader.kill('SIGKILL')
    this.#child.kill(signal)
    await ended
  }

  /** Resolves once it takes connections. */
  async listening(): Promise<void> {
    while (!(await isListening(this.port))) {
      if (this.#child.exitCode !== null) throw new Error(`${this.name} ended at its start: its last words are above`)
      if (performance.now() - this.#spawnedAtMs > START_LIMIT_MS) throw new Error(`${this.name} does not listen`)
      await delay(TRY_EVERY_MS)
    }
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process was not started')
  return child.pid
}
