import { Agent } from 'node:http'
import { freePort } from '../emulators/ports.ts'
import type { FunctionProcess } from '../local/function-process.ts'
import { type BalancedPush, startBalancer } from './balancer.ts'
import type { Instance } from './instance.ts'
import { bulkLaneOf, TOPICS, type Topic } from './messages.ts'
import { residentBytes } from './resident.ts'

export interface PoolOptions {
  /** Of the function: `track`, or `track-bulk` where the bulk lane has one of its own. */
  readonly name: string
  readonly instances: number
  /** Requests that an instance holds at most, as in pipeline.yaml. */
  readonly concurrency: number
  /** An instance that takes more is ended, as Cloud Run ends it. */
  readonly memoryBytes: number
  /** Told of a process that ended though nobody ended it. */
  readonly onCrash: (process: string, why: string) => void
  /** Told of each push that an instance answered, or did not answer. */
  readonly onPush: (push: BalancedPush) => void
}

const WATCH_EVERY_MS = 50

function instanceOf(process: FunctionProcess): Instance {
  return {
    process,
    held: new Set(),
    inFlight: 0,
    routed: true,
    spared: false,
    retired: false,
    agent: new Agent({ keepAlive: true }),
  }
}

/** Several instances of one function behind one address, as Cloud Run runs them. */
export class InstancePool {
  /** Those of the revision that was started last. */
  instances: readonly Instance[]
  /** The most memory that one of them took, in bytes. */
  peakBytes = 0
  readonly #options: PoolOptions
  readonly #all: Instance[]
  readonly #closeBalancer: () => void
  readonly #watching: NodeJS.Timeout
  readonly #restarts = new Set<Promise<void>>()
  #closed = false
  readonly url: string

  private constructor(
    options: PoolOptions,
    instances: Instance[],
    { url, close }: Awaited<ReturnType<typeof startBalancer>>,
  ) {
    this.#options = options
    this.instances = [...instances]
    this.#all = instances
    this.url = url
    this.#closeBalancer = close
    this.#watching = setInterval(() => this.#watch(), WATCH_EVERY_MS)
  }

  /** Takes a running process and starts others beside it. */
  static async start(first: FunctionProcess, options: PoolOptions): Promise<InstancePool> {
    const instances = [instanceOf(first), ...(await startMore(first, options.instances - 1))]
    return new InstancePool(options, instances, await startBalancer(instances, options.concurrency, options.onPush))
  }

  /** Starts a second revision beside the first, lets both serve for a while, and drains the first. */
  async rollOut(
    bothServe: () => Promise<unknown>,
    drainEach: (old: Instance, drain: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const old = this.instances
    const [first] = old
    if (first === undefined) return
    this.instances = await startMore(first.process, this.#options.instances)
    this.#all.push(...this.instances)
    await bothServe()
    const drain = async (instance: Instance) => {
      instance.retired = true
      instance.routed = false
      await instance.process.stop('SIGTERM')
    }
    await Promise.all(old.map((instance) => drainEach(instance, () => drain(instance))))
  }

  /** Lets every instance finish what it holds, and ends it. */
  async drain(): Promise<void> {
    await this.restarted()
    for (const instance of this.#all) instance.routed = false
    await Promise.all(this.#all.map(({ process }) => process.stop('SIGTERM')))
  }

  /** Resolves when what has crashed is up again. */
  async restarted(): Promise<void> {
    await Promise.all(this.#restarts)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#watching)
    await this.restarted()
    this.#closeBalancer()
    for (const { process, agent } of this.#all) {
      await process.close()
      agent.destroy()
    }
  }

  /** Ends what takes too much memory, and starts again what has ended, as Cloud Run does. */
  #watch(): void {
    for (const instance of this.#all) {
      const { process, routed } = instance
      if (!routed) continue
      const bytes = process.running && process.pid !== undefined ? residentBytes(process.pid) : 0
      this.peakBytes = Math.max(this.peakBytes, bytes)
      if (process.running && bytes <= this.#options.memoryBytes) continue
      const why = process.running ? `${Math.round(bytes / 2 ** 20)} MiB of memory` : 'the process ended by itself'
      this.#options.onCrash(`${this.#options.name} ${process.url}`, why)
      instance.routed = false
      const restart = this.#restart(instance).finally(() => this.#restarts.delete(restart))
      this.#restarts.add(restart)
    }
  }

  async #restart(instance: Instance): Promise<void> {
    await instance.process.stop('SIGKILL')
    if (this.#closed) return
    await instance.process.start()
    instance.routed = !instance.retired
  }
}

async function startMore(first: FunctionProcess, count: number): Promise<Instance[]> {
  const processes = await Promise.all(Array.from({ length: count }, async () => first.another(await freePort())))
  await Promise.all(processes.map((process) => process.start()))
  return processes.map(instanceOf)
}

/** The instances of all functions. */
export interface InstancePools {
  readonly of: Readonly<Record<Topic, InstancePool>>
  /** Of the topics whose bulk lane has a function of its own. */
  readonly lanes: ReadonlyMap<Topic, InstancePool>
  drain(): Promise<void>
  close(): Promise<void>
}

export async function startPools(
  functions: Readonly<Record<string, FunctionProcess>>,
  optionsOf: (name: string, topic: Topic) => PoolOptions,
): Promise<InstancePools> {
  const start = async (topic: Topic, name: string = topic): Promise<InstancePool> => {
    const first = functions[name]
    if (first === undefined) throw new Error(`no function ${name}`)
    return await InstancePool.start(first, optionsOf(name, topic))
  }
  const [identify, track, transactional] = await Promise.all([
    start('identify'),
    start('track'),
    start('transactional'),
  ])
  const of = { identify, track, transactional }
  const lanes = new Map<Topic, InstancePool>()
  for (const topic of TOPICS) {
    const name = bulkLaneOf(topic)
    if (functions[name] !== undefined) lanes.set(topic, await start(topic, name))
  }
  const all = [...Object.values(of), ...lanes.values()]
  return {
    ...{ of, lanes },
    drain: async () => void (await Promise.all(all.map((pool) => pool.drain()))),
    close: async () => void (await Promise.all(all.map((pool) => pool.close()))),
  }
}
