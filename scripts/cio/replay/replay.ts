import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { isTopicName } from '../../../shared/contract/index.ts'
import type { Context } from '../context.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { Journal, type LeftOver } from '../dead-letters/journal.ts'
import { publishAgain } from '../dead-letters/publish-again.ts'
import { beginRun, resume } from '../dead-letters/resume.ts'
import { sourcesOfEvidence } from '../dead-letters/settle-send.ts'
import { type DeadLetterSubscription, openSubscription } from '../dead-letters/subscription.ts'
import { aborted, CommandError, usageError } from '../errors.ts'
import { count } from '../output.ts'
import { createPace } from '../pace.ts'
import { startProgress } from '../progress.ts'
import { check } from '../publish/messages.ts'
import { type Where, whereIn } from '../where.ts'
import { createKnowsPerson, unrecorded } from './certainty.ts'
import { type Decision, decide, type Rules } from './decide.ts'
import { Gone } from './gone.ts'
import { type LoadedMapping, loadMapping } from './map.ts'
import { pagesBefore } from './read.ts'
import { add, emptyTally, linesOf, plannedIn, type Tally } from './tally.ts'
import {
  begunReplays,
  labelsOf,
  makeTemporary,
  type Purpose,
  removeTemporary,
  seekBack,
  sourceOf,
  type Temporary,
  temporaryName,
} from './temporary.ts'

export interface TopicReplayOptions {
  /** Milliseconds since 1970. */
  readonly fromMs: number
  /** Undefined: until the command begins. */
  readonly toMs: number | undefined
  readonly where: readonly string[]
  readonly map: string | undefined
  readonly also: readonly string[]
  readonly asNew: boolean
  /** People whom Customer.io does not know are created. */
  readonly create: boolean
  readonly dryRun: boolean
  /** Messages per second. */
  readonly rate: number
}

type Replayed = Extract<Decision, { kind: 'replayed' }>

const FIELDS = ['person', 'event', 'action', 'channel', 'template', 'lane', 'attribute.<name>'] as const
const CHUNK = 100
const DIFFERENCES_SHOWN = 20
const NO_CAMPAIGN_MS = 72 * 3_600_000
const UNKNOWN_PERSON = 'never sent, and Customer.io knows no such person: deleted, suppressed or erased'

/** Publishes what a topic keeps of a time again, in the bulk lane. */
export async function replayTopic(context: Context, name: string, options: TopicReplayOptions): Promise<void> {
  const { connection, output, now } = context
  const own = connection.topology
  if (!isTopicName(name)) throw usageError(`there is no topic ${name}`, 'Use one of: identify, track, transactional.')
  if (options.asNew && options.map === undefined) throw usageError('--as-new needs --map')
  if (name === 'transactional' && options.map !== undefined && !options.asNew) {
    throw usageError('a changed send is sent again, also to who got the first one', 'If that is meant, add --as-new.')
  }
  const startedMs = now()
  checkTimes(own.topics[`${own.namePrefix}${name}`]?.retention_days ?? 0, options, startedMs)
  const mapping = options.map === undefined ? undefined : await loadMapping(options.map)
  const where = whereIn(options.where, FIELDS, name)
  const run = new TopicReplay(context, name, { ...options, where, mapping }, startedMs)
  const tally = await run.run()
  const result = { topic: name, dryRun: options.dryRun, from: iso(options.fromMs), to: iso(run.untilMs), ...tally }
  output.result(result, () => linesOf(tally, name, options).join('\n'))
}

function checkTimes(retentionDays: number, { fromMs, toMs }: TopicReplayOptions, nowMs: number): void {
  if (retentionDays === 0) {
    throw usageError('this topic keeps nothing', 'Give it retention_days in terraform/pipeline.yaml, and apply.')
  }
  if (fromMs >= (toMs ?? nowMs)) throw usageError('--from and --to leave no time between them')
  if (fromMs < nowMs - retentionDays * 86_400_000) {
    throw usageError(
      `the topic keeps messages for ${retentionDays} days: nothing is left from ${iso(fromMs)}`,
      'Give a later --from. `retention_days` in terraform/pipeline.yaml counts for what is published from then on.',
    )
  }
}

interface ParsedOptions extends Omit<TopicReplayOptions, 'where' | 'map'> {
  readonly where: Where
  readonly mapping: LoadedMapping | undefined
}

/** One replay of one topic. */
class TopicReplay {
  readonly #context: Context
  readonly #topic: Temporary['topic']
  readonly #options: ParsedOptions
  readonly #journal: Journal
  /** Another scope is another replay. */
  readonly #scope: string
  readonly #gone = new Gone()
  /** When this run began. */
  readonly #runMs: number
  /** When the replay began: earlier, if this run resumes one. */
  #startedMs: number

  constructor(context: Context, own: string, options: ParsedOptions, startedMs: number) {
    const { stateDirectory, topology } = context.connection
    this.#context = context
    this.#topic = { own, deployed: `${topology.namePrefix}${own}` }
    this.#options = options
    this.#runMs = startedMs
    this.#startedMs = startedMs
    this.#journal = new Journal(join(stateDirectory, `replay-topic-${own}.ndjson`))
    const { fromMs, toMs, where, also, mapping, create } = options
    const scope = JSON.stringify([own, fromMs, toMs ?? null, where, also, mapping?.digest ?? null, create])
    this.#scope = createHash('sha256').update(scope).digest('hex').slice(0, 40)
  }

  /** Nothing from then on is replayed: what is published later is this replay's own, or was never meant. */
  get untilMs(): number {
    return Math.min(this.#options.toMs ?? this.#startedMs, this.#startedMs)
  }

  async run(): Promise<Tally> {
    if (this.#options.dryRun) return await this.#scan()
    const begun = { ...sourceOf(this.#temporary('replay')), name: `the topic ${this.#topic.own}` }
    const before = beginRun(begun, this.#journal, this.#startedMs)
    if (before?.finished === this.#scope) return await this.#cleanUp(before)
    const left = await this.#takeUp(before)
    const found = await this.#scan()
    const planned = plannedIn(found)
    const tally: Tally = { ...found, replayed: 0, alreadyReplayed: left?.replayed.size ?? 0 }
    const temporary = this.#temporary('replay')
    if (planned > 0 || left !== undefined) {
      await this.#confirm(found, planned)
      if (left === undefined) await makeTemporary(this.#context, temporary)
      // Killed before its first pull: perhaps before the seek, too.
      else if (left.held.size === 0 && left.openPullAtMs === undefined) await seekBack(this.#context, temporary)
      const source = sourceOf(temporary)
      const subscription = await openSubscription(this.#context, source, this.#journal)
      try {
        if (left !== undefined) await resume(this.#context, source, subscription, left)
        await this.#publish(subscription, new Set(left?.replayed), planned, tally)
      } finally {
        await subscription[Symbol.asyncDispose]()
      }
    }
    this.#journal.finished(this.#scope)
    await removeTemporary(this.#context, temporary.name)
    this.#journal.end()
    return tally
  }

  /** After a run that was killed when it had replayed everything: to begin again would publish it all a second time. */
  async #cleanUp({ begunAtMs, replayed }: LeftOver): Promise<Tally> {
    for (const eachMs of begunAtMs) {
      for (const purpose of ['replay', 'scan', 'people'] as const) {
        await removeTemporary(this.#context, this.#temporary(purpose, eachMs).name)
      }
    }
    this.#journal.end()
    this.#context.output.note('the interrupted run had replayed everything: run it again to replay it all once more')
    return { ...emptyTally(), found: replayed.size, alreadyReplayed: replayed.size }
  }

  /**
   * Of what killed runs on this machine left: resumes the one with these options, gives up others, and removes what they read
   * with.
   *
   * @throws while another machine has a replay of this topic: two at once would publish everything twice
   */
  async #takeUp(before: LeftOver | undefined): Promise<LeftOver | undefined> {
    const { output } = this.#context
    let left: LeftOver | undefined
    let isGivenUp = false
    for (const begunAtMs of before?.begunAtMs ?? []) {
      for (const purpose of ['scan', 'people'] as const) {
        await removeTemporary(this.#context, this.#temporary(purpose, begunAtMs).name)
      }
      const { name } = this.#temporary('replay', begunAtMs)
      const labels = await labelsOf(this.#context, name)
      if (labels === undefined) continue
      if (labels.scope === this.#scope) {
        this.#startedMs = begunAtMs
        left = before
        continue
      }
      await removeTemporary(this.#context, name)
      isGivenUp = true
    }
    if (isGivenUp) {
      output.note('an interrupted replay with other options is given up; what it published stays published')
    } else if (left === undefined && (before?.replayed.size ?? 0) > 0) {
      output.note('the subscription of an interrupted replay is gone: this one begins again, under the same keys')
    }
    if (left === undefined && before !== undefined) {
      this.#journal.end()
      this.#journal.begin(process.pid, this.#runMs)
    }
    const [other] = (await begunReplays(this.#context, this.#topic)).filter((each) => each !== this.#startedMs)
    if (other !== undefined) {
      throw new CommandError(`another machine has been replaying the topic ${this.#topic.own} since ${iso(other)}`, {
        hint:
          'Wait for it to end. If it was killed, run the same command again there, or remove its subscription: ' +
          `gcloud pubsub subscriptions delete ${this.#temporary('replay', other).name}. Pub/Sub removes it a day later.`,
      })
    }
    return left
  }

  /** Reads all of it, changes nothing, and learns who has gone. */
  async #scan(): Promise<Tally> {
    const tally = emptyTally()
    const identify = { own: 'identify', deployed: `${this.#context.connection.topology.namePrefix}identify` }
    // Who has gone is known only at the end, so people are read first.
    // Also who has gone since an interrupted run.
    const people = { ...this.#temporary('people', this.#runMs), topic: identify }
    await this.#read(people, this.#context.now(), async (page) => {
      for (const { data, deadLetteredAtMs: publishedAtMs } of page) {
        const checked = check('identify', data, () => publishedAtMs)
        if (checked.ok) this.#gone.note(checked.valid, publishedAtMs)
      }
    })
    await this.#read(this.#temporary('scan', this.#runMs), this.untilMs, async (page) => {
      await this.#decideAll(page, tally)
    })
    return tally
  }

  async #read(
    temporary: Temporary,
    untilMs: number,
    each: (page: readonly DeadLetter[]) => Promise<void>,
  ): Promise<void> {
    await makeTemporary(this.#context, temporary)
    try {
      const subscription = await openSubscription(this.#context, sourceOf(temporary))
      try {
        for await (const page of pagesBefore(this.#context, subscription, untilMs)) {
          await each(page)
          await subscription.acknowledge(page)
        }
      } finally {
        await subscription[Symbol.asyncDispose]()
      }
    } finally {
      await removeTemporary(this.#context, temporary.name)
    }
  }

  /** What of a page is replayed; counts everything. */
  async #decideAll(
    page: readonly DeadLetter[],
    tally: Tally,
  ): Promise<readonly { readonly deadLetter: DeadLetter; readonly decision: Replayed }[]> {
    const decided: { readonly deadLetter: DeadLetter; readonly decision: Replayed }[] = []
    for (const deadLetter of page) {
      const decision = await decide(deadLetter, this.#rules, this.#gone)
      if (decision.kind === 'broken') throw new CommandError(`nothing more was published: ${decision.why}`)
      if (decision.kind !== 'other') tally.found += 1
      if (decision.kind === 'skipped') add(tally.skipped, decision.why)
      if (decision.kind === 'replayed') decided.push({ deadLetter, decision })
    }
    const replayed = await this.#unlessGone(decided, tally)
    for (const { deadLetter, decision } of replayed) {
      add(tally.kinds, decision.what)
      if (decision.what === 'event' && this.#startedMs - deadLetter.deadLetteredAtMs > NO_CAMPAIGN_MS)
        tally.startNoCampaign += 1
      for (const change of decision.changes) {
        if (tally.differences.length < DIFFERENCES_SHOWN)
          tally.differences.push({ id: deadLetter.messageId, ...change })
      }
    }
    return replayed
  }

  /** Counts what is certain, and leaves out sends to who is gone: of them the ledger has no record. */
  async #unlessGone<T extends { readonly deadLetter: DeadLetter; readonly decision: Replayed }>(
    decided: readonly T[],
    tally: Tally,
  ): Promise<readonly T[]> {
    if (this.#options.mapping !== undefined && !this.#options.asNew) return decided
    const sends = decided.filter(({ decision }) => decision.what === 'send').map(({ deadLetter }) => deadLetter)
    const fresh = sends.length === 0 ? new Set() : await unrecorded((await this.#ledger()).ledger, sends)
    const kept: T[] = []
    for (const each of decided) {
      const { decision, deadLetter } = each
      const asks = fresh.has(deadLetter) || (decision.what === 'send' && this.#options.asNew)
      if (asks && !(await this.#isKnown(decision.valid))) {
        add(tally.skipped, UNKNOWN_PERSON)
        continue
      }
      tally.certainty[asks ? 'sent_now' : decision.what === 'event' ? 'hoped' : 'certain'] += 1
      kept.push(each)
    }
    return kept
  }

  async #confirm({ kinds, certainty }: Tally, planned: number): Promise<void> {
    const { prompts, connection } = this.#context
    const each = Object.entries(kinds).map(([kind, number]) => `${kind} ${number}`)
    const now = certainty.sent_now > 0 ? ` ${count(certainty.sent_now, 'message')} will reach people.` : ''
    const what = `${count(planned, 'message')} of ${this.#topic.own} (${each.join(', ')})`
    await prompts.confirm(`Publish ${what} again in ${connection.name}?${now} This cannot be taken back.`)
  }

  async #publish(
    subscription: DeadLetterSubscription,
    before: ReadonlySet<string>,
    planned: number,
    tally: Tally,
  ): Promise<void> {
    const { output, now, signal } = this.#context
    const pace = createPace(this.#options.rate, now, signal)
    const progress = await startProgress(output, `replaying ${this.#topic.own}`, planned, now)
    const source = sourceOf(this.#temporary('replay'))
    const chunk = Math.max(1, Math.min(CHUNK, Math.ceil(this.#options.rate / 4)))
    const ignored: Tally = structuredClone(tally)
    try {
      for await (const page of pagesBefore(this.#context, subscription, this.untilMs)) {
        const left = page.filter(({ messageId }) => !before.has(messageId))
        const decided = await this.#decideAll(left, ignored)
        for (let start = 0; start < decided.length; start += chunk) {
          if (signal.aborted) throw aborted(`stopped after ${count(tally.replayed, 'message')}`)
          const part = decided
            .slice(start, start + chunk)
            .map(({ deadLetter, decision }) => ({ deadLetter, replay: decision.replay }))
          await pace(part.length)
          const { accepted, failure } = await publishAgain(
            this.#context,
            { source, subscription, journal: this.#journal },
            part,
          )
          tally.replayed += accepted.length
          progress.at(tally.alreadyReplayed + tally.replayed)
          if (failure !== undefined) {
            throw new CommandError(`replayed ${tally.replayed}, then a publish failed`, {
              cause: failure,
              hint: 'Run the same command again: it resumes.',
            })
          }
        }
        await subscription.acknowledge(page)
      }
    } finally {
      progress.end()
    }
  }

  get #rules(): Rules {
    const { fromMs, where, also, mapping, create } = this.#options
    return { fromMs, untilMs: this.untilMs, startedMs: this.#startedMs, where, also, map: mapping?.map, create }
  }

  #temporary(purpose: Purpose, begunAtMs = this.#startedMs): Temporary {
    const { namePrefix } = this.#context.connection.topology
    return {
      name: temporaryName(namePrefix, this.#topic.own, purpose, begunAtMs),
      topic: this.#topic,
      fromMs: this.#options.fromMs,
      labels: { scope: this.#scope },
    }
  }

  #evidence: ReturnType<typeof sourcesOfEvidence> | undefined
  #ledger(): ReturnType<typeof sourcesOfEvidence> {
    this.#evidence ??= sourcesOfEvidence(this.#context)
    return this.#evidence
  }

  #asked: ReturnType<typeof createKnowsPerson> | undefined
  #isKnown(valid: Parameters<ReturnType<typeof createKnowsPerson>>[0]): Promise<boolean> {
    this.#asked ??= createKnowsPerson(this.#context)
    return this.#asked(valid)
  }
}

const iso = (ms: number) => new Date(ms).toISOString()
