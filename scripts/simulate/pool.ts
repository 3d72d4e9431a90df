import { Instance, type InstanceOptions } from './instance.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

export interface PoolOptions extends Omit<InstanceOptions, 'name' | 'env' | 'clockOffsetMs' | 'onEnd'> {
  readonly world: World
  readonly weather: Weather
  /** Of the function. */
  readonly name: string
  readonly size: number
  /** Of a revision: 0 serves first, 1 from the roll-out on. */
  readonly envOf: (revision: 0 | 1) => Readonly<Record<string, string>>
}

const HOUR_MS = 3_600_000
/** Between SIGTERM and SIGKILL: https://cloud.google.com/run/docs/container-contract#instance-shutdown */
const GRACE_MS = 10_000
const LONGEST_START_MS = 3_000
/** So many times within the hour each place may have its instance ended. */
const ENDS = 8
const ROLL_OUT_MS = 60_000
const LARGEST_CLOCK_OFFSET_MS = 5_000
/** Longer than the ack deadline. */
const LONGEST_FREEZE_MS = 90_000

/** The instances of one function, as Cloud Run keeps them: one that ends is replaced, and a push goes to any. */
export class Pool {
  readonly #options: PoolOptions
  readonly #instances = new Map<Instance, 0 | 1>()
  #revision: 0 | 1 = 0
  #started = 0

  constructor(options: PoolOptions) {
    this.#options = options
    const { world, weather, name, size } = options
    for (let count = 0; count < size; count++) this.#start()
    for (let count = 0; count < size * ENDS; count++) {
      const fault = `ended ${name} ${count}`
      if (!world.choices.fault(fault, weather.ended)) continue
      world.after(world.choices.between(`${fault} at`, 0, HOUR_MS), () => this.#replaceOne(fault, this.#serving()))
    }
    const fault = `roll-out of ${name}`
    if (!world.choices.fault(fault, weather.rollOut)) return
    world.after(world.choices.between(`${fault} at`, 0, HOUR_MS - ROLL_OUT_MS), () => this.#rollOut(fault))
  }

  /**
   * @param name of the push
   * @returns closes its connection
   */
  push(
    name: string,
    body: Buffer,
    answered: (status: number) => void,
    headers?: Readonly<Record<string, string>>,
  ): () => void {
    const serving = this.#serving()
    if (serving.length === 0) {
      answered(429)
      return () => {}
    }
    const { world, weather } = this.#options
    const { choices } = world
    const instance = choices.pick(`instance for ${name}`, serving)
    world.tell(`${name} goes to ${instance.name}`)
    if (choices.fault(`frozen at ${name}`, weather.frozenAtPush)) {
      instance.freeze(choices.upTo(`frozen at ${name} for`, 500, LONGEST_FREEZE_MS))
    }
    return instance.receive(body, answered, headers)
  }

  #serving(): Instance[] {
    return [...this.#instances.keys()].filter(({ isServing }) => isServing)
  }

  /** Both revisions serve for a while. */
  #rollOut(name: string): void {
    const { world } = this.#options
    world.tell(`${name} begins`)
    this.#revision = 1
    for (const [index] of this.#serving().entries()) {
      const afterMs = world.choices.between(`${name} ${index}`, 0, ROLL_OUT_MS)
      world.after(afterMs, () => {
        const old = this.#serving().filter((instance) => this.#instances.get(instance) === 0)
        this.#replaceOne(`${name} ${index}`, old)
      })
    }
  }

  /** The platform ends one of these, and has started another before. */
  #replaceOne(name: string, among: readonly Instance[]): void {
    if (among.length === 0) return
    this.#start()
    this.#options.world.choices.pick(`instance for ${name}`, among).terminate(GRACE_MS)
  }

  #start(): void {
    const { world, weather, size } = this.#options
    const { choices } = world
    const name = `${this.#options.name}-${this.#started++}`
    const isOff = choices.fault(`clock off ${name}`, weather.clockOff)
    const instance: Instance = new Instance({
      ...this.#options,
      name,
      env: this.#options.envOf(this.#revision),
      clockOffsetMs: isOff ? choices.between(`clock of ${name}`, -LARGEST_CLOCK_OFFSET_MS, LARGEST_CLOCK_OFFSET_MS) : 0,
      onEnd: () => {
        this.#instances.delete(instance)
        if (this.#serving().length >= size) return
        world.after(choices.between(`start after ${name}`, 500, LONGEST_START_MS), () => this.#start())
      },
    })
    this.#instances.set(instance, this.#revision)
  }
}
