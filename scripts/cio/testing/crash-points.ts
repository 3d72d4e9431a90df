import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { systemClock } from '../../../shared/clock/index.ts'
import { ManualClock } from '../../emulators/pubsub/testing/manual-clock.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import { type Connection, connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { Done } from '../done.ts'
import { Output } from '../output.ts'
import { createPrompts } from '../prompts.ts'
import { type Death, Mortal } from './mortal.ts'

/** Longer than any lease. */
export const LATER_MS = 15 * 60_000

export interface Command {
  readonly run: (context: Context) => Promise<void>
  /** Throws unless everything is as it should be. `killedAt`: the call at which it was killed, if it was. */
  readonly check: (killedAt: string | undefined) => Promise<void>
}

export interface Published {
  readonly topic: string
  readonly key: string
  readonly lane: string | undefined
  readonly body: string
}

/** What the runs of a command have besides the stack. */
export interface Surroundings {
  readonly database?: Connection['database']
  /** Ends, of a run that was killed, what ends with its process. */
  readonly afterDeath?: () => Promise<void>
}

/**
 * Kills commands at their crash points: every call that a command waits for, before it is made and when it is answered. Time is
 * virtual, in a stack without functions.
 */
export class CrashPoints implements AsyncDisposable {
  readonly stack: Stack
  readonly clock: ManualClock
  readonly connection: Connection
  /** What was published since the last `deadLetters`, or since a test emptied it. */
  readonly published: Published[] = []
  readonly #directory: string
  readonly #surroundings: Surroundings
  #runs = 0

  private constructor(
    directory: string,
    stack: Stack,
    clock: ManualClock,
    connection: Connection,
    surroundings: Surroundings,
  ) {
    this.#directory = directory
    this.stack = stack
    this.clock = clock
    this.connection = connection
    this.#surroundings = surroundings
    stack.pubsub.events.on('published', ({ topic, data, attributes }) => {
      const { idempotency_key, source_message_id, lane } = attributes
      const key = idempotency_key ?? source_message_id ?? ''
      this.published.push({ topic: topic.split('/').at(-1) ?? '', key, lane, body: data.toString() })
    })
  }

  /** @param name of a folder of its own in `.local` */
  static async start(name: string, surroundings: Surroundings = {}): Promise<CrashPoints> {
    const directory = join(PROJECT_ROOT, '.local', name)
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
    const clock = new ManualClock(Date.now())
    const { now, schedule } = clock
    const stack = await startStack({ directory, ports, functions: [], pubsub: { now, schedule }, firestore: { now } })
    const whole = await connect({ local: true, endpoints: join(directory, 'endpoints.json') })
    return new CrashPoints(directory, stack, clock, { ...whole, topology: inShort(whole.topology) }, surroundings)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close()
    await this.stack.close()
  }

  /**
   * Kills a command at every call, and runs it again each time. Gives how many of each call there are, which the tests hold: a
   * search that missed some would find nothing wrong.
   */
  async killEverywhere(prepare: (number: number) => Promise<Command>): Promise<Readonly<Record<string, number>>> {
    const first = ++this.#runs
    const { run, check } = await prepare(first)
    const { calls } = await this.runOnce(run, first)
    await check(undefined)
    for (let call = 1; call <= calls.length; call++) {
      for (const when of ['before', 'after'] as const) {
        const number = ++this.#runs
        const command = await prepare(number)
        const killed = await this.runOnce(command.run, number, calls, { call, when })
        const last = killed.calls.at(-1)
        try {
          expect(killed.isDead).toBe(true)
          this.clock.advance(LATER_MS)
          await this.runOnce(command.run, number)
          await command.check(last)
        } catch (error) {
          throw new Error(`killed ${when} call ${call} of ${calls.length}, ${last}`, { cause: error })
        }
      }
    }
    return countOf(calls)
  }

  /** Runs it to its end or its death, with a state directory per number. */
  async runOnce(run: Command['run'], number: number, counted: readonly string[] = [], death?: Death): Promise<Mortal> {
    // What gives the clients asks nobody.
    const mortal = new Mortal(counted, death, (name) => !name.startsWith('connection.'))
    const timers: (() => void)[] = []
    const { after } = systemClock
    const spy = jest.spyOn(systemClock, 'after').mockImplementation((ms, work) => {
      const cancel = after(ms, work)
      timers.push(cancel)
      return cancel
    })
    const stateDirectory = this.#stateDirectory(number)
    mkdirSync(stateDirectory, { recursive: true })
    const sink = new PassThrough().resume()
    const { database = this.connection.database, afterDeath } = this.#surroundings
    const context: Context = {
      stdin: sink,
      output: new Output({ json: true, streams: { stdout: sink, stderr: sink } }),
      prompts: createPrompts({ yes: true, stdin: sink, stderr: sink }),
      connection: mortal.wrap({ ...this.connection, stateDirectory, database }),
      signal: new AbortController().signal,
      now: this.clock.now,
      done: new Done(),
    }
    try {
      await Promise.race([run(context), mortal.died])
    } finally {
      spy.mockRestore()
    }
    if (!mortal.isDead) return mortal
    // A process that is gone has no timers.
    for (const cancel of timers) cancel()
    await afterDeath?.()
    return mortal
  }

  /** Puts messages of the topic with this reason among the dead letters, and gives their keys. */
  async deadLetters(topic: string, number: number, reason: string, count: number): Promise<readonly string[]> {
    const keys = Array.from({ length: count }, (_, index) => `${number}-${index}`)
    for (const key of keys) {
      const attributes = { reason, error: 'answer 503', source_message_id: `1${key}`, idempotency_key: key }
      await this.publish(`${topic}-dead-letter`, bodyOf(topic, `person-${key}`), attributes)
    }
    this.clock.advance(1_000)
    this.published.length = 0
    return keys
  }

  async publish(topic: string, body: object, attributes: Record<string, string>): Promise<void> {
    await this.stack.client.topic(topic).publishMessage({ data: Buffer.from(JSON.stringify(body)), attributes })
  }

  outstanding(name: string): number {
    return this.stack.pubsub.stats(`projects/${this.stack.endpoints.projectId}/subscriptions/${name}`).outstanding
  }

  /** Files of the run's state directory. */
  journalsOf(number: number): readonly string[] {
    return readdirSync(this.#stateDirectory(number), { recursive: true, encoding: 'utf8' })
  }

  /** Each message was published again, under its own key; some a second time if it was killed where that can be. */
  expectPublished(topic: string, keys: readonly string[], mayRepeat: boolean): void {
    const found = this.published.filter((each) => each.topic === topic).map(({ key }) => key)
    expect(new Set(found)).toEqual(new Set(keys))
    expect(found.length).toBeLessThanOrEqual(mayRepeat ? 2 * keys.length : keys.length)
  }

  #stateDirectory(number: number): string {
    return join(this.#directory, 'state', `${number}`)
  }
}

function countOf(calls: readonly string[]): Readonly<Record<string, number>> {
  const made = Map.groupBy(calls, (call) => call)
  return Object.fromEntries([...made].map(([call, each]) => [call, each.length]))
}

/** One topic of each kind, and one table: for the others the same calls come again. */
function inShort(topology: Topology): Topology {
  const { subscriptions, bigquery } = topology
  const kept = Object.entries(subscriptions).filter(([, { topic }]) => /^(?:track|transactional)/.test(topic))
  const tables = Object.entries(bigquery.tables).filter(([name]) => name === 'webhook_events')
  return {
    ...topology,
    subscriptions: Object.fromEntries(kept),
    bigquery: { ...bigquery, tables: Object.fromEntries(tables) },
  }
}

/** Others are under way at the same time, accepted and not noted yet. */
export const whilePublishing = (killedAt: string | undefined) => killedAt === 'Topic.publishMessage'

/** A message of the topic to a person with this id. */
export function bodyOf(topic: string, id: string): object {
  const identifiers = { id }
  if (topic !== 'transactional') return { identifiers, name: 'order_completed' }
  return { channel: 'email', transactional_message_id: 1, identifiers, to: `${id}@example.com` }
}
