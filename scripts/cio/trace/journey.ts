import { isNotSentReason } from '../dead-letters/dead-letter.ts'
import type { About, Attempted, CameBack, Decided, Entry, Fact, Ties } from './entry.ts'

/** Everything that is known of one message, or of one delivery that no message of ours caused. */
export interface Journey {
  readonly about: About
  readonly messageIds: readonly string[]
  readonly deliveryIds: readonly string[]
  /** In the order in which they happened. */
  readonly entries: readonly Entry[]
  readonly ending: Ending
}

/** Where a journey stands. */
export interface Ending {
  readonly state:
    | 'under_way'
    | 'accepted'
    | 'dead_letter'
    /** Not sent by decision (expired, cancelled, guarded): its dead letter waits for a release. */
    | 'not_sent'
    /** The recipient guard stopped it in an environment that keeps nothing of what it stops. */
    | 'dropped'
    | 'uncertain'
    | 'ended_by_operator'
    | 'erased'
    | 'sent_by_customerio'
  /** Nothing more is expected, unless an operator or the person does something. */
  readonly final: boolean
  /** What Customer.io told of it afterwards, in order: sent, delivered, opened. */
  readonly cameBack: readonly string[]
  /** Of a send that was accepted: how long Customer.io holds it. */
  readonly held: Attempted['held']
}

function tiesOf({ messageIds = [], key, keyHash, deliveryId }: Ties): readonly string[] {
  return [
    // A message without a key of its publisher has its id as its key.
    ...messageIds.map((id) => `message:${id}`),
    ...(key === undefined ? [] : [key]),
    ...(keyHash === undefined ? [] : [`hash:${keyHash}`]),
    ...(deliveryId === undefined ? [] : [`delivery:${deliveryId}`]),
  ]
}

/** Puts the entries of any stores, in any order, together to journeys: the one that began last comes last. Pure. */
export function journeysOf(entries: readonly Entry[]): readonly Journey[] {
  return tiedTogether(entries)
    .map((group) => journeyOf(withoutRepeats(group)))
    .sort((a, b) => beginning(a) - beginning(b))
}

const beginning = ({ entries }: Journey): number => entries[0]?.atMs ?? 0

/** Pub/Sub and Customer.io deliver now and then twice, and what is asked twice says the same twice. */
function withoutRepeats(entries: readonly Entry[]): readonly Entry[] {
  const identity = (entry: Entry) => {
    const { atMs, fact, messageIds: [id] = [] } = entry
    if (fact.kind === 'came_back') return `webhook ${fact.eventId}`
    return fact.kind === 'published' ? `published ${id}` : JSON.stringify([atMs, tiesOf(entry), fact])
  }
  return [...new Map(entries.map((entry) => [identity(entry), entry])).values()]
}

/** Groups of entries in which each shares a message id, key or delivery id with another one. */
function tiedTogether(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const groupOf = new Map<string, Set<Entry>>()
  const groups = new Set<Set<Entry>>()
  for (const entry of entries) {
    const group = new Set([entry])
    for (const tie of tiesOf(entry)) {
      const other = groupOf.get(tie)
      if (other === undefined || !groups.delete(other)) continue
      for (const each of other) group.add(each)
    }
    groups.add(group)
    for (const each of group) for (const tie of tiesOf(each)) groupOf.set(tie, group)
  }
  return [...groups].map((group) => [...group])
}

function journeyOf(group: readonly Entry[]): Journey {
  const entries = group.toSorted(inOrder)
  const distinct = (values: readonly (string | undefined)[]) => [
    ...new Set(values.filter((value) => value !== undefined)),
  ]
  const first = <Key extends keyof About>(key: Key) => entries.find((entry) => entry[key] !== undefined)?.[key]
  return {
    about: {
      topic: first('topic'),
      channel: first('channel'),
      what: first('what'),
      template: first('template'),
      origin: first('origin'),
    },
    messageIds: distinct(entries.flatMap(({ messageIds = [] }) => messageIds)),
    deliveryIds: distinct(entries.map(({ deliveryId }) => deliveryId)),
    entries,
    ending: endingOf(entries),
  }
}

function inOrder(a: Entry, b: Entry): number {
  const ids = [a, b].map(({ messageIds: [id = ''] = [] }) => id)
  return (
    orderedMs(a) - orderedMs(b) ||
    stageOf(a.fact) - stageOf(b.fact) ||
    (ids[0] ?? '').localeCompare(ids[1] ?? '', 'en', { numeric: true })
  )
}

/** Customer.io tells the second only: what happened within it may have come first. */
function orderedMs({ atMs, fact }: Entry): number {
  return fact.kind === 'came_back' ? atMs + 999 : atMs
}

const STAGES: readonly Fact['kind'][] = [
  'published',
  'attempted',
  'remembered',
  'dead_lettered',
  'decided',
  'came_back',
]
/** Metrics in the order of a message's life; any other comes last. */
const METRICS = ['drafted', 'attempted', 'sent', 'deferred', 'delivered', 'opened', 'clicked', 'converted']

/** Of what happened at one time: the order in which it must have. */
function stageOf(fact: Fact): number {
  const stage = STAGES.indexOf(fact.kind) * 100
  if (fact.kind === 'remembered') return stage + (fact.state === 'claimed' ? 0 : 1)
  if (fact.kind !== 'came_back') return stage
  const place = METRICS.indexOf(fact.metric)
  return stage + (place < 0 ? METRICS.length : place)
}

/** Metrics after which Customer.io has nothing more to tell of its own accord. */
const LAST_METRICS: ReadonlySet<string> = new Set(['delivered', 'bounced', 'dropped', 'failed', 'undeliverable'])
/** Channels whose webhooks know no `delivered`: https://docs.customer.io/journeys/webhooks/ */
const NEVER_DELIVERED: ReadonlySet<string> = new Set(['in_app', 'slack', 'webhook', 'inbox_message'])

/** What the entries come to. They are in order. */
function endingOf(entries: readonly Entry[]): Ending {
  const webhooks = entries.flatMap(({ fact }) => (fact.kind === 'came_back' ? [fact] : []))
  const cameBack = [...new Set(webhooks.map(wordFor))]
  const told = (metrics: ReadonlySet<string>) => webhooks.some(({ metric }) => metrics.has(metric))
  const isSend = entries.some(({ topic, deliveryId }) => topic === 'transactional' || deliveryId !== undefined)
  const channel = entries.find((entry) => entry.channel !== undefined)?.channel ?? ''
  const isHeardOf =
    !isSend ||
    channel === 'broadcast' ||
    told(LAST_METRICS) ||
    webhooks.some(({ metric }) => metric === 'opened' || metric === 'clicked') ||
    (NEVER_DELIVERED.has(channel) && webhooks.some(({ metric }) => metric === 'sent'))
  const state = stateOf(entries)
  const held = entries.flatMap(({ fact }) => (fact.kind === 'attempted' ? [fact.held] : [])).at(-1)
  // A draft waits for somebody.
  const isEnded = isHeardOf || (held === 'as_draft' && webhooks.every(({ metric }) => metric === 'drafted'))
  const final = state === 'accepted' || state === 'sent_by_customerio' ? isEnded : state !== 'under_way'
  return { state, final, cameBack, held }
}

function wordFor({ metric, byMachine }: CameBack): string {
  return byMachine ? `${metric} by a machine` : metric
}

function stateOf(entries: readonly Entry[]): Ending['state'] {
  const waiting = entries.findLast(({ fact }) => fact.kind === 'dead_lettered')?.fact
  if (waiting?.kind === 'dead_lettered') return stateOfLetter(waiting.reason)
  // That Customer.io accepted it outweighs whatever came before or after.
  if (entries.some(isAccepted)) return 'accepted'
  const last = entries.findLast(({ fact }) => isStep(fact))?.fact
  const isHeardOf = entries.some(({ fact }) => fact.kind === 'came_back')
  if (last?.kind === 'decided') {
    if (last.what === 'erased') return 'erased'
    return isSentAgain(last) ? 'under_way' : 'ended_by_operator'
  }
  if (isHeardOf) return last === undefined ? 'sent_by_customerio' : 'accepted'
  if (last?.kind !== 'attempted' || last.outcome === 'retry') return 'under_way'
  return last.note === 'dropped' ? 'dropped' : stateOfLetter(last.reason)
}

function stateOfLetter(reason = ''): Ending['state'] {
  if (reason === 'uncertain') return 'uncertain'
  return isNotSentReason(reason) ? 'not_sent' : 'dead_letter'
}

const STEPS: ReadonlySet<Fact['kind']> = new Set(['published', 'attempted', 'decided'])

/** Whether it changed where the message stands: to look at one does not. */
function isStep(fact: Fact): boolean {
  return STEPS.has(fact.kind) && !(fact.kind === 'decided' && fact.what === 'revealed')
}

function isSentAgain({ what }: Decided): boolean {
  return what === 'replayed' || what === 'settled_not_sent'
}

/** A record that says `sent` without a delivery holds an operator's word, unless it is about a broadcast. */
function isAccepted({ fact, deliveryId, channel }: Entry): boolean {
  if (fact.kind === 'attempted')
    return fact.outcome === 'delivered' && (fact.note !== 'duplicate' || deliveryId !== undefined)
  const isKnown = deliveryId !== undefined || channel === 'broadcast'
  return fact.kind === 'remembered' && fact.state === 'sent' && isKnown
}
