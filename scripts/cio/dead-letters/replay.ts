import { join } from 'node:path'
import type { Context } from '../context.ts'
import { aborted, CommandError } from '../errors.ts'
import { count, printable } from '../output.ts'
import { createPace } from '../pace.ts'
import { startProgress } from '../progress.ts'
import { assessReplay, type ReplayRules } from './assess.ts'
import { type DeadLetter, factsOf, replayOf } from './dead-letter.ts'
import { edited } from './edit.ts'
import { type Filter, idsNotFound, matches, notFoundError } from './filter.ts'
import { Journal } from './journal.ts'
import { peekEach } from './peek.ts'
import { type Planned, publishAgain } from './publish-again.ts'
import { beginRun, resume } from './resume.ts'
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

/** What became of the dead letters of one source. */
interface Tally {
  readonly source: string
  replayed: number
  /** Replayed by a run that was killed before it could acknowledge them. */
  alreadyReplayed: number
  /** What a dry run would replay. */
  readonly planned: { readonly id: string; readonly reason: string }[]
  readonly skipped: { readonly id: string; readonly why: string }[]
}

/** How much is sorted by age, checked and published at a time. Bounds memory. */
const WINDOW_DEAD_LETTERS = 10_000
const WINDOW_BYTES = 64 * 1024 * 1024
/** Ids in a text; --json has all of them. */
const IDS_SHOWN = 50

/** Publishes dead letters again. One leaves its subscription only after Pub/Sub has accepted its replay. */
export async function replay(
  context: Context,
  names: readonly string[],
  filter: Filter,
  options: ReplayOptions,
): Promise<void> {
  const { output, connection } = context
  const runs = sourcesOf(connection.topology, names).map((source) => new SourceReplay(context, source, filter, options))
  const tallies: Tally[] = []
  try {
    for (const run of runs) await run.open()
    // An edited message is asked about when it is known.
    if (!options.dryRun && !options.edit) await confirmAll(context, runs)
    for (const run of runs) tallies.push(await run.run())
  } finally {
    for (const run of runs) await run.close()
  }
  output.result({ dryRun: options.dryRun, sources: tallies }, () => told(tallies).flatMap(linesOf(options)).join('\n'))
  const missing = idsNotFound(filter, new Set(runs.flatMap(({ found }) => [...found])))
  if (missing.length > 0) throw notFoundError(missing)
  const skipped = tallies.reduce((sum, tally) => sum + tally.skipped.length, 0)
  if (skipped > 0 && !options.dryRun) throw new CommandError(`${count(skipped, 'dead letter')} skipped`)
}

/** One question for all, with the number of all: what follows is not asked about again. */
async function confirmAll({ prompts, connection }: Context, runs: readonly SourceReplay[]): Promise<void> {
  if (prompts.confirmed) return
  const counts: { readonly source: string; readonly replayable: number }[] = []
  for (const run of runs) counts.push(await run.count())
  const all = counts.reduce((sum, { replayable }) => sum + replayable, 0)
  if (all === 0) return
  const each = counts
    .filter(({ replayable }) => replayable > 0)
    .map(({ source, replayable }) => `${source} ${replayable}`)
  await prompts.confirm(`Replay ${count(all, 'dead letter')} (${each.join(', ')}) in ${connection.name}?`)
}

/** Those with something to tell, or all when none has: most sources have a second one that is nearly always empty. */
function told(tallies: readonly Tally[]): readonly Tally[] {
  const busy = tallies.filter(
    ({ replayed, alreadyReplayed, skipped }) => replayed + alreadyReplayed + skipped.length > 0,
  )
  return busy.length > 0 ? busy : tallies
}

const linesOf =
  ({ dryRun }: ReplayOptions) =>
  (tally: Tally): string[] => {
    const why = Map.groupBy(tally.skipped, ({ why }) => why)
    const already =
      tally.alreadyReplayed > 0 ? `, ${tally.alreadyReplayed} already replayed by the interrupted run` : ''
    return [
      `${tally.source}: ${count(tally.replayed, 'message')} ${dryRun ? 'would be ' : ''}replayed${already}`,
      ...shown(tally.planned.map(({ id, reason }) => `  ${printable(id)}  ${printable(reason)}`)),
      ...[...why].flatMap(([reason, deadLetters]) => [
        `  ${deadLetters.length} skipped: ${reason}`,
        ...shown(deadLetters.map(({ id }) => `    ${printable(id)}`)),
      ]),
    ]
  }

function shown(lines: readonly string[]): readonly string[] {
  if (lines.length <= IDS_SHOWN) return lines
  return [...lines.slice(0, IDS_SHOWN), `    … and ${lines.length - IDS_SHOWN} more (--json lists all)`]
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
  /** Ids of all that match, by which `--id` tells what there is not. */
  readonly found: Set<string> = new Set()
  #subscription: DeadLetterSubscription | undefined
  /** True while the journal knows what nothing else does: what an earlier run did, what is accepted and not acknowledged. */
  #journalNeeded = false

  constructor(context: Context, source: Source, filter: Filter, options: ReplayOptions) {
    this.#context = context
    this.#source = source
    this.#filter = filter
    this.#options = options
    this.#journal = new Journal(join(context.connection.stateDirectory, `replay-${source.name}.ndjson`))
    this.#startedMs = context.now()
    this.#tally = { source: source.name, replayed: 0, alreadyReplayed: 0, planned: [], skipped: [] }
  }

  /** Takes up what a killed run left, unless this is a dry run. */
  async open(): Promise<void> {
    if (this.#options.dryRun) {
      this.#subscription = await openSubscription(this.#context, this.#source)
      return
    }
    const before = beginRun(this.#source, this.#journal, this.#context.now())
    this.#subscription = await openSubscription(this.#context, this.#source, this.#journal)
    if (before === undefined) return
    this.#journalNeeded = true
    for (const id of before.replayed) {
      this.#replayed.add(id)
      this.#seen.add(id)
    }
    this.#tally.alreadyReplayed = before.replayed.size
    await resume(this.#context, this.#source, this.#subscription, before)
  }

  /** How many would be replayed. Looks at all of them and releases them. */
  async count(): Promise<{ readonly source: string; readonly replayable: number }> {
    const { now } = this.#context
    let replayable = 0
    await peekEach(this.#context, [this.#source], this.#filter, (deadLetter) => {
      if (this.#replayed.has(deadLetter.messageId)) return
      if (assessReplay(deadLetter, this.#options, now()).obstacle === undefined) replayable++
    })
    return { source: this.#source.name, replayable: Math.min(replayable, this.#options.limit) }
  }

  async run(): Promise<Tally> {
    if (this.#subscription !== undefined) await this.#replayAll(this.#subscription)
    this.#journalNeeded = false
    return this.#tally
  }

  async close(): Promise<void> {
    if (this.#subscription === undefined) return
    await this.#subscription[Symbol.asyncDispose]()
    if (!this.#journalNeeded) this.#journal.end()
  }

  async #replayAll(subscription: DeadLetterSubscription): Promise<void> {
    const { dryRun } = this.#options
    while (this.#tally.replayed < this.#options.limit) {
      const window = await this.#window(subscription)
      if (window.length === 0) return
      const planned = await this.#planned(window, this.#options.limit - this.#tally.replayed)
      if (dryRun) {
        this.#tally.replayed += planned.length
        this.#tally.planned.push(
          ...planned.map(({ deadLetter }) => ({ id: deadLetter.id, reason: factsOf(deadLetter).reason })),
        )
      } else if (planned.length > 0) await this.#publish(subscription, planned)
    }
  }

  /** The matching dead letters, oldest first, as many as fit. The others stay leased until the end. */
  async #window(subscription: DeadLetterSubscription): Promise<DeadLetter[]> {
    const { now, signal } = this.#context
    const window: DeadLetter[] = []
    let bytes = 0
    for await (const page of subscription.pulls()) {
      signal.throwIfAborted()
      await subscription.acknowledge(page.filter(({ messageId }) => this.#replayed.has(messageId)))
      for (const deadLetter of page) {
        // What was dead-lettered since we began may be what we replayed a moment ago.
        if (this.#seen.has(deadLetter.messageId) || deadLetter.deadLetteredAtMs >= this.#startedMs) continue
        this.#seen.add(deadLetter.messageId)
        if (!matches(deadLetter, this.#filter, now())) continue
        this.found.add(deadLetter.id).add(deadLetter.messageId)
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
    const { edit, dryRun, release } = this.#options
    const planned: Planned[] = []
    const warnings = new Map<string, number>()
    for (const deadLetter of deadLetters) {
      if (planned.length >= most) break
      const assessment = assessReplay(deadLetter, this.#options, now())
      for (const warning of assessment.warnings) warnings.set(warning, (warnings.get(warning) ?? 0) + 1)
      const unchanged = replayOf(deadLetter, release)
      const replay =
        edit && !dryRun && assessment.obstacle === undefined
          ? await edited(prompts, output, deadLetter, unchanged, now)
          : unchanged
      // An editor can make another operation of it.
      const obstacle =
        assessment.obstacle ?? assessReplay({ ...deadLetter, data: replay.data }, this.#options, now()).obstacle
      if (obstacle === undefined) planned.push({ deadLetter, replay })
      else this.#tally.skipped.push({ id: deadLetter.id, why: obstacle })
    }
    for (const [warning, times] of warnings) output.warn(times === 1 ? warning : `${warning} (${times} messages)`)
    return planned
  }

  async #publish(subscription: DeadLetterSubscription, planned: readonly Planned[]): Promise<void> {
    const { connection, output, prompts, now, signal } = this.#context
    const { name, deployedTopic: topicName } = this.#source
    if (this.#options.edit) {
      const what = `${count(planned.length, 'edited dead letter')} of ${name}`
      await prompts.confirm(`Replay ${what} to the topic ${topicName} of ${connection.name}?`)
    }
    const pace = createPace(this.#options.rate, now, signal)
    const progress = await startProgress(output, `replaying ${name}`, planned.length, now)
    const chunk = Math.max(1, Math.min(100, Math.ceil(this.#options.rate / 4)))
    try {
      for (let start = 0; start < planned.length; start += chunk) {
        if (signal.aborted) throw aborted(`stopped after ${count(this.#tally.replayed, 'message')}`)
        const part = planned.slice(start, start + chunk)
        await pace(part.length)
        await this.#publishPart(subscription, part)
        progress.at(start + part.length)
      }
    } finally {
      progress.end()
    }
  }

  async #publishPart(subscription: DeadLetterSubscription, part: readonly Planned[]): Promise<void> {
    const source = this.#source
    const journal = {
      replayed: (messageId: string) => {
        this.#journalNeeded = true
        this.#journal.replayed(messageId)
        this.#replayed.add(messageId)
        this.#tally.replayed += 1
      },
    }
    const { failure } = await publishAgain(this.#context, { source, subscription, journal }, part)
    this.#journalNeeded = this.#tally.alreadyReplayed > 0
    if (failure === undefined) return
    throw new CommandError(`replayed ${this.#tally.replayed} of ${source.name}, then a publish failed`, {
      cause: failure,
      hint: 'The others are still dead letters: run it again.',
    })
  }
}
