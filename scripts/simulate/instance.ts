import { type Clock, sleep } from '../../shared/clock/index.ts'
import { createDrain, type Host, type Network, type RequestHandler, untilShutdown } from '../../shared/runtime/index.ts'
import { Response, requestOf } from './request.ts'
import type { World } from './world.ts'

/** As scripts/chaos/memory.ts measures it: raw, as text, parsed, decoded, parsed again and encoded for whoever gets it. */
const MEMORY_PER_BODY_BYTE = 10

/** What an instance is told and given, besides its time. */
export interface InstanceOptions {
  readonly world: World
  /** Unlike any other's. */
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Its clock against the world's. */
  readonly clockOffsetMs: number
  readonly networkOf: (instance: Instance) => Network
  /** Of the container. */
  readonly memoryBytes: number
  /** Changes what the function is given. */
  readonly hostOf?: (host: Host) => Host
  /** Puts the function together. */
  readonly handlerOf: (host: Host, instance: Instance) => RequestHandler
  /** Told of what no instance should do. */
  readonly onDefect: (why: string) => void
  /** Told when it ends as planned and cuts off pushes that it holds. */
  readonly onCut?: (pushes: number) => void
  /** Told when it is gone, for whatever reason. */
  readonly onEnd: () => void
}

/**
 * One process of a function: the product's own code, from the handler that is registered to the bytes that it sends. It can
 * be killed or frozen at any moment; of a killed one nothing more is heard.
 */
export class Instance {
  readonly name: string
  readonly clock: Clock
  #state: 'serving' | 'draining' | 'ended' = 'serving'
  #frozenUntilMs = 0
  readonly #world: World
  readonly #options: InstanceOptions
  readonly #handler: RequestHandler
  readonly #held = new Set<() => void>()
  #onTerminate: (() => void) | undefined
  #drawn = 0
  /** Of the pushes that are held. */
  #bodyBytes = 0

  constructor(options: InstanceOptions) {
    const { world, name, env, clockOffsetMs } = options
    this.name = name
    this.#world = world
    this.#options = options
    this.clock = {
      now: () => world.nowMs + clockOffsetMs,
      after: (ms, work) => {
        let isCancelled = false
        world.after(ms, () => this.run(() => isCancelled || work()))
        return () => {
          isCancelled = true
        }
      },
    }
    const drain = createDrain(
      {
        removeAllListeners: () => {},
        once: (_signal, listener) => {
          this.#onTerminate = listener
        },
        exit: () => this.#end(),
      },
      this.clock,
    )
    const given = {
      env,
      clock: this.clock,
      random: () => this.random(),
      // What happens in this millisecond, such as the end of a connection, has happened then.
      caughtUp: () => sleep(this.clock, 1),
      output: { write: (line: string) => this.#log(line) },
      drain,
      network: options.networkOf(this),
    }
    const host = options.hostOf?.(given) ?? given
    this.#handler = untilShutdown(host.drain, options.handlerOf(host, this))
  }

  /** Takes requests. */
  get isServing(): boolean {
    return this.#state === 'serving'
  }

  get hasEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Before it, a frozen one does nothing. */
  get awakeAtMs(): number {
    return Math.max(this.#world.nowMs, this.#frozenUntilMs)
  }

  /** [0, 1), its own. */
  random(): number {
    return this.#world.choices.number(`random ${this.name} ${this.#drawn++}`)
  }

  /** Does something as this process: later if it is frozen, never if it has ended. */
  run(work: () => void): void {
    if (this.hasEnded) return
    if (this.#frozenUntilMs > this.#world.nowMs) this.#world.at(this.#frozenUntilMs, () => this.run(work))
    else work()
  }

  /**
   * A push.
   *
   * @param answered with 0 when there will be no answer
   * @returns closes its connection
   */
  receive(body: Buffer, answered: (status: number) => void, headers?: Readonly<Record<string, string>>): () => void {
    const lost = () => answered(0)
    if (!this.isServing) {
      lost()
      return () => {}
    }
    this.#held.add(lost)
    const end = (status: number) => {
      if (this.hasEnded || !this.#held.delete(lost)) return
      this.#bodyBytes -= body.length
      answered(status)
    }
    const request = requestOf(body, headers)
    const response = new Response(request, end)
    this.run(() => {
      this.#bodyBytes += body.length
      this.#world.after(1, () => this.#endIfOutOfMemory())
      Promise.resolve(this.#handler(request, response)).then(
        () => end(0),
        (error: unknown) => this.#options.onDefect(`the handler failed: ${String(error)}`),
      )
    })
    // A frozen process reads first what was sent to it, and then that the connection is closed.
    return () =>
      this.run(() => {
        request.socket.destroy()
        response.emit('close')
      })
  }

  #endIfOutOfMemory(): void {
    if (this.hasEnded || this.#bodyBytes * MEMORY_PER_BODY_BYTE < this.#options.memoryBytes) return
    this.#options.onDefect(`${this.name} is out of memory: it holds ${this.#bodyBytes} bytes of bodies`)
    this.kill()
  }

  freeze(ms: number): void {
    this.#world.tell(`${this.name} freezes for ${ms} ms`)
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#world.nowMs + ms)
  }

  /** As the platform before it ends an instance: SIGTERM, then SIGKILL. */
  terminate(graceMs: number): void {
    if (!this.isServing) return
    this.#world.tell(`${this.name} is told to end`)
    this.#state = 'draining'
    const terminate = this.#onTerminate
    if (terminate === undefined) this.#end()
    else this.run(terminate)
    this.#world.after(graceMs, () => this.kill())
  }

  kill(): void {
    if (this.hasEnded) return
    this.#world.tell(`${this.name} is killed`)
    this.#end()
  }

  #end(): void {
    if (this.hasEnded) return
    if (this.#state === 'draining' && this.#held.size > 0) this.#options.onCut?.(this.#held.size)
    this.#state = 'ended'
    for (const lost of this.#held) this.#world.after(0, lost)
    this.#held.clear()
    this.#options.onEnd()
  }

  #log(line: string): void {
    if (this.hasEnded) return
    if (line.includes('"event":"unexpected_error"')) this.#options.onDefect(line.trim())
    if (line.includes('"event":"configuration_invalid"')) this.#options.onDefect(line.trim())
  }
}
