import { join } from 'node:path'
import type { Context } from '../context.ts'
import { CommandError, usageError, wordsOf } from '../errors.ts'
import { count } from '../output.ts'
import { createPace } from '../pace.ts'
import { assessReplay, type ReplayRules } from './assess.ts'
import { type DeadLetter, factsOf, type Replay, replayOf } from './dead-letter.ts'
import { readEdited } from './edit.ts'
import type { Hold, Taken } from './hold.ts'
import { Journal } from './journal.ts'
import { type Planned, publishAgain } from './publish-again.ts'
import { deleteForGood } from './purge.ts'
import { beginRun, resume } from './resume.ts'
import {
  type Decision,
  mayHaveBeenSent,
  SETTLED_SOURCE,
  type Settled,
  settleSend,
  sourcesOfEvidence,
} from './settle-send.ts'
import type { Source } from './source.ts'
import { openSubscription } from './subscription.ts'

/** What is done with dead letters that are held, after somebody was asked. Ids are those of the dead letters themselves. */

type Acting = Pick<Context, 'connection' | 'output' | 'now' | 'signal' | 'done'>
type MessageIds = readonly string[]

export interface ReplayPlan {
  readonly replayable: readonly { readonly messageId: string; readonly source: string }[]
  readonly skipped: readonly { readonly messageId: string; readonly why: string }[]
  /** Each with the number of messages that it is about. */
  readonly warnings: readonly { readonly warning: string; readonly messages: number }[]
  /** They are held no longer: somebody has acted upon them. */
  readonly gone: MessageIds
}

export interface Replayed {
  readonly replayed: MessageIds
  /** An interrupted run had replayed them; only their dead letters were left. */
  readonly alreadyReplayed: MessageIds
  readonly skipped: ReplayPlan['skipped']
  readonly gone: MessageIds
  /** What stopped it halfway; undefined when it came to its end. */
  readonly failure: string | undefined
}

/** Messages per second: as much as `dlq replay` by default. */
const RATE = 100
const PART = 25

/** What a replay of these would do. Changes nothing. */
export function planReplay({ now }: Pick<Context, 'now'>, hold: Hold, ids: MessageIds, rules: ReplayRules): ReplayPlan {
  const warnings = new Map<string, number>()
  const replayable: { messageId: string; source: string }[] = []
  const skipped: { messageId: string; why: string }[] = []
  const taken = hold.take(ids)
  for (const deadLetter of taken.flatMap(({ deadLetters }) => deadLetters)) {
    const { messageId, source } = deadLetter
    const { obstacle, warnings: said } = assessReplay(deadLetter, rules, now())
    if (obstacle === undefined) replayable.push({ messageId, source: source.name })
    else skipped.push({ messageId, why: obstacle })
    for (const warning of said) warnings.set(warning, (warnings.get(warning) ?? 0) + 1)
  }
  return {
    replayable,
    skipped,
    warnings: [...warnings].map(([warning, messages]) => ({ warning, messages })),
    gone: goneOf(ids, taken),
  }
}

/** Publishes these again, oldest first, as far as the rules allow. */
export async function replayHeld(context: Acting, hold: Hold, ids: MessageIds, rules: ReplayRules): Promise<Replayed> {
  const { now } = context
  const skipped: { messageId: string; why: string }[] = []
  const taken = hold.take(ids)
  const runs = taken.map((from) => {
    const planned: Planned[] = []
    for (const deadLetter of from.deadLetters.toSorted(byPublish)) {
      const { obstacle } = assessReplay(deadLetter, rules, now())
      if (obstacle === undefined) planned.push({ deadLetter, replay: replayOf(deadLetter, rules.release) })
      else skipped.push({ messageId: deadLetter.messageId, why: obstacle })
    }
    return { ...from, planned }
  })
  const done: Done = { replayed: [], alreadyReplayed: [] }
  let failure: string | undefined
  try {
    for (const run of runs) await runReplay(context, hold, run, run.planned, done)
  } catch (error) {
    failure = wordsOf(error)
  }
  return { ...done, skipped, gone: goneOf(ids, taken), failure }
}

/**
 * Publishes one with changes.
 *
 * @param text attributes and message, as `editableText` wrote them and a person changed them
 * @throws when it still breaks the contract, with the fields
 */
export async function replayEdited(
  context: Acting,
  hold: Hold,
  messageId: string,
  text: string,
  rules: ReplayRules,
): Promise<Replayed> {
  const { now } = context
  const { from, deadLetter } = takeOne(hold, messageId)
  const read = readEdited(from.source.topic, text, replayOf(deadLetter, rules.release), now)
  if (!read.ok) throw new CommandError(read.problem)
  // An edit can make another operation of it.
  const { obstacle } = assessReplay({ ...deadLetter, data: read.replay.data }, { ...rules, edit: true }, now())
  if (obstacle !== undefined) throw new CommandError(obstacle)
  return await replayOne(context, hold, from, deadLetter, read.replay)
}

async function replayOne(
  context: Acting,
  hold: Hold,
  from: Taken,
  deadLetter: DeadLetter,
  replay: Replay,
): Promise<Replayed> {
  const done: Done = { replayed: [], alreadyReplayed: [] }
  await runReplay(context, hold, from, [{ deadLetter, replay }], done)
  return { ...done, skipped: [], gone: [], failure: undefined }
}

interface Done {
  readonly replayed: string[]
  readonly alreadyReplayed: string[]
}

/** One source, with the journal by which a run that is killed is resumed, here or by `dlq replay`. */
async function runReplay(
  context: Acting,
  hold: Hold,
  { source, subscription }: Pick<Taken, 'source' | 'subscription'>,
  planned: readonly Planned[],
  done: Done,
): Promise<void> {
  if (planned.length === 0) return
  const journal = journalOf(context, source)
  const before = await takeUp(context, source, journal)
  const already = planned.flatMap(({ deadLetter }) => (before.has(deadLetter.messageId) ? [deadLetter] : []))
  await subscription.acknowledge(already)
  hold.drop(already)
  done.alreadyReplayed.push(...already.map(({ messageId }) => messageId))
  const left = planned.filter(({ deadLetter }) => !before.has(deadLetter.messageId))
  const pace = createPace(RATE, context.now, context.signal)
  for (let start = 0; start < left.length; start += PART) {
    const part = left.slice(start, start + PART)
    await pace(part.length)
    const { accepted, failure } = await publishAgain(context, { source, subscription, journal }, part)
    hold.drop(accepted)
    done.replayed.push(...accepted.map(({ messageId }) => messageId))
    if (failure !== undefined) {
      journal.end()
      throw new CommandError(`a publish to ${source.deployedTopic} failed`, { cause: failure })
    }
  }
  journal.end()
}

function journalOf({ connection }: Acting, { name }: Source): Journal {
  return new Journal(join(connection.stateDirectory, `replay-${name}.ndjson`))
}

/** Ids of what an interrupted run had replayed. Its leases are ended by a subscription of their own: ours are newer. */
async function takeUp(context: Acting, source: Source, journal: Journal): Promise<ReadonlySet<string>> {
  const before = beginRun(source, journal, context.now())
  if (before === undefined) return new Set()
  const subscription = await openSubscription(context, source)
  try {
    await resume(context, source, subscription, before)
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
  return before.replayed
}

/** Carries out what somebody decided about an uncertain send. */
export async function settleHeld(context: Acting, hold: Hold, messageId: string, decision: Decision): Promise<Settled> {
  const { from, deadLetter } = takeOne(hold, messageId)
  const { ledger } = await sourcesOfEvidence(context)
  if (from.source.name !== SETTLED_SOURCE || !(await mayHaveBeenSent(ledger, deadLetter))) {
    throw usageError('this is no uncertain send: there is nothing to settle')
  }
  const settled = await settleSend(context, ledger, from.subscription, deadLetter, decision)
  if (settled.settled !== 'skipped') hold.drop([deadLetter])
  return settled
}

/** Deletes these. */
export async function purgeHeld(
  context: Acting,
  hold: Hold,
  ids: MessageIds,
): Promise<{ readonly purged: MessageIds; readonly gone: MessageIds }> {
  const taken = hold.take(ids)
  for (const { source, subscription, deadLetters } of taken) {
    await deleteForGood(context, source.name, subscription, deadLetters)
    hold.drop(deadLetters)
  }
  return { purged: idsOf(taken), gone: goneOf(ids, taken) }
}

function takeOne(hold: Hold, messageId: string): { readonly from: Taken; readonly deadLetter: DeadLetter } {
  const [from] = hold.take([messageId])
  const [deadLetter] = from?.deadLetters ?? []
  if (from !== undefined && deadLetter !== undefined) return { from, deadLetter }
  throw new CommandError('this dead letter is held no longer', {
    hint: 'It was replayed, settled or deleted meanwhile, or given back. Look again.',
  })
}

const byPublish = (a: DeadLetter, b: DeadLetter) => factsOf(a).publishedAtMs - factsOf(b).publishedAtMs

const idsOf = (taken: readonly Taken[]): MessageIds =>
  taken.flatMap(({ deadLetters }) => deadLetters.map(({ messageId }) => messageId))

function goneOf(ids: MessageIds, taken: readonly Taken[]): MessageIds {
  const here = new Set(idsOf(taken))
  return ids.filter((id) => !here.has(id))
}

/** `12 dead letters (track 10, identify 2)`: what is asked about. */
export function countBySource(sources: readonly string[]): string {
  const each = [...Map.groupBy(sources, (source) => source)].map(([source, all]) => `${source} ${all.length}`)
  return `${count(sources.length, 'dead letter')} (${each.join(', ')})`
}
