import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Topic } from '@google-cloud/pubsub'
import type { Context } from '../context.ts'
import { aborted, CommandError } from '../errors.ts'
import { count, duration } from '../output.ts'
import { createPace } from '../pace.ts'
import { startProgress } from '../progress.ts'
import { assessReplay, type ReplayRules } from './assess.ts'
import { type DeadLetter, factsOf, type Replay, replayOf } from './dead-letter.ts'
import { edited } from './edit.ts'
import { type Filter, matches } from './filter.ts'
import { Journal, type LeftOver } from './journal.ts'
import { type Source, sourcesOf } from './source.ts'
import { type DeadLetterSubscription, openSubscription } from './subscription.ts'

export interface ReplayOptions extends ReplayRules {
  readonly dryRun: boolean
  readonly edit: boolean
  /** Messages per second. */
  readonly rate: number
  /** Replay at most this many per source. */
  readonly limit: number
}

interface Planned {
  readonly deadLetter: DeadLetter
  readonly replay: Replay
}

/** What became of the dead letters of one source. */
interface Tally {
  readonly source: string
  replayed: number
  /** Replayed by a run that was killed before it could acknowledge them. */
  alreadyReplayed: number
  readonly skipped: { readonly id: string; readonly why: string }[]
}

/** How much is sorted by age, checked and confirmed at a time. Bounds memory. */
const WINDOW_DEAD_LETTERS = 10_000
const WINDOW_BYTES = 64 * 1024 * 1024

/** Publishes dead letters again. One leaves its subscription only after Pub/Sub has accepted its replay. */
export async function replay(
  context: Context,
  names: readonly string[],
  filter: Filter,
  options: ReplayOptions,
): Promise<void> {
  const { output, connection } = context
  const tallies: Tally[] = []
  for (const source of sourcesOf(connection.topology, names)) {
    tallies.push(await new SourceReplay(context, source, filter, options).run())
  }
  output.result({ dryRun: options.dryRun, sources: tallies }, () => tallies.flatMap(linesOf(options)).join('\n'))
  const skipped = tallies.reduce((sum, tally) => sum + tally.skipped.length, 0)
  if (skipped > 0 && !options.dryRun) {
    throw new CommandError(`${count(skipped, 'dead letter')} skipped`)
  }
}

const linesOf =
  ({ dryRun }: ReplayOptions) =>
  (tally: Tally): string[] => {
    const why = Map.groupBy(tally.skipped, ({ why }) => why)
    const already =
      tally.alreadyReplayed > 0 ? `, ${tally.alreadyReplayed} already replayed by the interrupted run` : ''
    return [
      `${tally.source}: ${count(tally.replayed, 'message')} ${dryRun ? 'would be ' : ''}replayed${already}`,
      ...[...why].map(([reason, deadLetters]) => `  ${deadLetters.length} skipped: ${reason}`),
    ]
  }

/** The replay of one source's dead letters. */
class SourceReplay {
  readonly #context: Context
  readonly #source: Source
  readonly #filter: Filter
  readonly #options: ReplayOptions
  readonly #journal: Journal
  readonly #startedMs: number
  readonly #tally: Tally
  /** Dead letters whose replay Pub/Sub has accepted, in this run or in the one that it resumes. */
  readonly #replayed: Set<string> = new Set()
  /** Dead letters already handled: one whose lease expires is delivered a second time. */
  readonly #seen: Set<string> = new Set()
  #confirmed = false
  /** True while a replay is accepted and its dead letter is not yet acknowledged. */
  #unacknowledged = false

  constructor(context: Context, source: Source, filter: Filter, options: ReplayOptions) {
    this.#context = context
    this.#source = source
    this.#filter = filter
    this.#options = options
    this.#journal = new Journal(join(context.connection.stateDirectory, `replay-${source.name}.ndjson`))
    this.#startedMs = context.now()
    this.#tally = { source: source.name, replayed: 0, alreadyReplayed: 0, skipped: [] }
  }

  async run(): Promise<Tally> {
    if (this.#options.dryRun) {
      const subscription = await openSubscription(this.#context, this.#source)
      try {
        await this.#replayAll(subscription)
        return this.#tally
      } finally {
        await subscription[Symbol.asyncDispose]()
      }
    }
    const before = this.#journal.read()
    if (before !== undefined) this.#refuseWhileAlive(before)
    this.#journal.begin(process.pid, this.#context.now())
    const subscription = await openSubscription(this.#context, this.#source, this.#journal)
    try {
      if (before !== undefined) {
        // If this is interrupted too, the next run needs the whole journal.
        this.#unacknowledged = true
        await this.#takeUp(subscription, before)
        this.#unacknowledged = false
      }
      await this.#replayAll(subscription)
    } finally {
      await subscription[Symbol.asyncDispose]()
      if (!this.#unacknowledged) this.#journal.end()
    }
    return this.#tally
  }

  async #replayAll(subscription: DeadLetterSubscription): Promise<void> {
    while (this.#tally.replayed < this.#options.limit) {
      const window = await this.#window(subscription)
      if (window.length === 0) return
      const planned = await this.#planned(window, this.#options.limit - this.#tally.replayed)
      if (this.#options.dryRun) this.#tally.replayed += planned.length
      else if (planned.length > 0) await this.#publish(subscription, planned)
    }
  }

  /** Two runs at once would each take the other's dead letters for its own leftovers. */
  #refuseWhileAlive({ process: pid }: LeftOver): void {
    if (pid === undefined || pid === process.pid || !isAlive(pid)) return
    throw new CommandError(`process ${pid} is already replaying ${this.#source.name}`, {
      hint: `Wait for it to end, or stop it with Ctrl-C. If that process is not cio: rm ${this.#journal.path}`,
    })
  }

  /** Resumes a killed run: acknowledges what it had replayed, and releases what it held. */
  async #takeUp(subscription: DeadLetterSubscription, { replayed, held, openPullAtMs }: LeftOver): Promise<void> {
    const { output, now, signal } = this.#context
    output.note(`${this.#source.name}: resuming an interrupted replay`)
    for (const id of replayed) {
      this.#replayed.add(id)
      this.#seen.add(id)
    }
    const deadLetters = [...held].map(([id, ackId]) => ({ id, ackId }))
    const done = deadLetters.filter(({ id }) => replayed.has(id))
    await unlessUnknown(subscription.acknowledge(done))
    await unlessUnknown(subscription.release(deadLetters.filter(({ id }) => !replayed.has(id))))
    this.#tally.alreadyReplayed = replayed.size
    if (openPullAtMs === undefined) return
    const waitMs = openPullAtMs + this.#source.ackDeadlineMs + 1_000 - now()
    if (waitMs <= 0) return
    output.note(
      `it was killed during a pull: waiting up to ${duration(waitMs)} until Pub/Sub delivers those messages again`,
    )
    await delay(waitMs, undefined, { signal })
  }

  /** The matching dead letters, oldest first, as many as fit. The others stay leased until the end. */
  async #window(subscription: DeadLetterSubscription): Promise<DeadLetter[]> {
    const { now, signal } = this.#context
    const window: DeadLetter[] = []
    let bytes = 0
    for await (const page of subscription.pulls()) {
      signal.throwIfAborted()
      await subscription.acknowledge(page.filter(({ id }) => this.#replayed.has(id)))
      for (const deadLetter of page) {
        // What was dead-lettered since we began may be what we replayed a moment ago.
        if (this.#seen.has(deadLetter.id) || deadLetter.deadLetteredAtMs >= this.#startedMs) continue
        this.#seen.add(deadLetter.id)
        if (!matches(deadLetter, this.#filter, now())) continue
        window.push(deadLetter)
        bytes += deadLetter.data.length
      }
      if (window.length >= WINDOW_DEAD_LETTERS || bytes >= WINDOW_BYTES) break
    }
    return window.sort((a, b) => factsOf(a).publishedAtMs - factsOf(b).publishedAtMs)
  }

  /** Those that may be replayed, in order and at most `most`: nobody has to edit a message that is not sent. */
  async #planned(deadLetters: readonly DeadLetter[], most: number): Promise<Planned[]> {
    const { output, now, prompts } = this.#context
    const { edit, dryRun } = this.#options
    const planned: Planned[] = []
    const warnings = new Map<string, number>()
    for (const deadLetter of deadLetters) {
      if (planned.length >= most) break
      const assessment = assessReplay(deadLetter, this.#options, now())
      for (const warning of assessment.warnings) warnings.set(warning, (warnings.get(warning) ?? 0) + 1)
      if (assessment.obstacle !== undefined) {
        this.#tally.skipped.push({ id: deadLetter.id, why: assessment.obstacle })
      } else {
        const replay = replayOf(deadLetter)
        planned.push({
          deadLetter,
          replay: edit && !dryRun ? await edited(prompts, output, deadLetter, replay, now) : replay,
        })
      }
    }
    for (const [warning, times] of warnings) output.warn(times === 1 ? warning : `${warning} (${times} messages)`)
    return planned
  }

  async #publish(subscription: DeadLetterSubscription, planned: readonly Planned[]): Promise<void> {
    const { connection, output, prompts, now, signal } = this.#context
    const { name, topic: topicName } = this.#source
    if (!this.#confirmed) {
      const first = `${count(planned.length, 'dead letter')} of ${name} to the topic ${topicName} of ${connection.name}`
      await prompts.confirm(`Replay ${first}?`)
      this.#confirmed = true
    }
    const topic = (await connection.pubsub()).topic(topicName, { messageOrdering: true })
    const pace = createPace(this.#options.rate, now, signal)
    const progress = await startProgress(output, `replaying ${name}`, planned.length, now)
    const chunk = Math.max(1, Math.min(100, Math.ceil(this.#options.rate / 4)))
    try {
      for (let start = 0; start < planned.length; start += chunk) {
        if (signal.aborted) throw aborted(`stopped after ${count(this.#tally.replayed, 'message')}`)
        const part = planned.slice(start, start + chunk)
        await pace(part.length)
        await this.#publishPart(subscription, topic, part)
        progress.at(start + part.length)
      }
    } finally {
      progress.end()
    }
  }

  /** Publishes, records, acknowledges. If it is killed after the first step, the replay is repeated under the same key. */
  async #publishPart(subscription: DeadLetterSubscription, topic: Topic, part: readonly Planned[]): Promise<void> {
    const published = await Promise.allSettled(
      part.map(async ({ deadLetter, replay }) => {
        try {
          await topic.publishMessage({ ...replay })
        } catch (error) {
          if (replay.orderingKey !== undefined) topic.resumePublishing(replay.orderingKey)
          throw error
        }
        this.#unacknowledged = true
        this.#journal.replayed(deadLetter.id)
        this.#replayed.add(deadLetter.id)
        return deadLetter
      }),
    )
    const accepted = published.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    await subscription.acknowledge(accepted)
    this.#unacknowledged = false
    this.#tally.replayed += accepted.length
    const failed = published.find((each) => each.status === 'rejected')
    if (failed === undefined) return
    throw new CommandError(`replayed ${this.#tally.replayed} of ${this.#source.name}, then a publish failed`, {
      cause: failed.reason,
      hint: 'The others are still dead letters: run it again.',
    })
  }
}

const INVALID_ARGUMENT = 3

/** Pub/Sub rejects ack ids that have expired: those dead letters are delivered again anyway, and are recognized then. */
async function unlessUnknown(freeing: Promise<void>): Promise<void> {
  try {
    await freeing
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === INVALID_ARGUMENT)) throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
