import { duration } from '../output.ts'
import type { About, Attempted, CameBack, DeadLettered, Decided, Entry, Fact, Published, Remembered } from './entry.ts'
import type { Ending, Journey } from './journey.ts'

/** One line of a timeline, for a terminal, a page or a program. Texts of other systems stand in it as they came. */
export interface Line {
  /** ISO 8601, as exact as its source tells it. */
  readonly at: string
  /** Since the journey's first line. */
  readonly afterMs: number
  /** The store that says so. */
  readonly source: 'record' | 'ledger' | 'dead letters' | 'webhooks'
  readonly text: string
}

/** A journey for somebody to read. */
export interface Timeline {
  /** What it is: `transactional: email, template 3`. */
  readonly title: string
  readonly lines: readonly Line[]
  /** Where it stands, and what to do about it. */
  readonly ending: string
}

/** Says in words what a journey's entries are. Pure. */
export function timelineOf(journey: Journey): Timeline {
  const startMs = journey.entries[0]?.atMs ?? 0
  let publishes = 0
  const lines = journey.entries.map((entry): Line => {
    if (entry.fact.kind === 'published') publishes += 1
    return {
      at: timeOf(entry),
      afterMs: Math.max(0, entry.atMs - startMs),
      source: SOURCES[entry.fact.kind],
      text: textOf(entry, publishes),
    }
  })
  return { title: titleOf(journey.about), lines, ending: endingIn(journey) }
}

const SOURCES: Readonly<Record<Fact['kind'], Line['source']>> = {
  published: 'record',
  attempted: 'record',
  decided: 'record',
  remembered: 'ledger',
  dead_lettered: 'dead letters',
  came_back: 'webhooks',
}

/** Customer.io tells the second. */
function timeOf({ atMs, fact }: Entry): string {
  return fact.kind === 'came_back' ? secondOf(atMs) : new Date(atMs).toISOString()
}

function secondOf(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z')
}

function titleOf({ topic, channel, what, template, origin }: About): string {
  const parts = [channel ?? what, template ? `template ${template}` : undefined, origin]
  const text = parts.filter((part) => part !== undefined && part !== '').join(', ')
  if (topic === undefined) return text === '' ? 'an unknown message' : text
  return text === '' ? topic : `${topic}: ${text}`
}

function textOf(entry: Entry, publishes: number): string {
  const { fact } = entry
  switch (fact.kind) {
    case 'published':
      return publishedIn(entry, fact, publishes)
    case 'attempted':
      return `${fact.attempt ? `attempt ${fact.attempt}: ` : ''}${attemptIn(entry, fact)}`
    case 'remembered':
      return rememberedIn(entry, fact)
    case 'dead_lettered':
      return deadLetteredIn(fact)
    case 'came_back':
      return cameBackIn(entry, fact)
    case 'decided':
      return decidedIn(fact)
  }
}

function publishedIn({ topic, messageIds = [] }: Entry, _: Published, publishes: number): string {
  const [id] = messageIds
  const where = topic === undefined ? '' : ` to ${topic}`
  return `published${publishes > 1 ? ' again' : ''}${where}${id === undefined ? '' : `, as message ${id}`}`
}

const REASONS: Readonly<Record<string, string>> = {
  no_connection: 'no connection came about',
  no_answer: 'no complete answer came',
  throttled: 'Customer.io wanted fewer requests',
  server_error: 'Customer.io had an error of its own',
  ledger: 'the send ledger could not be used',
  unexpected: 'an unexpected error: see the log of the function',
}
const CAUSES: Readonly<Record<string, string>> = {
  configuration: 'our credentials or addresses are not accepted',
  busy: 'nothing was tried: the function had no room',
}

/** The warehouse function delivers to BigQuery, and every other one to Customer.io. */
function attemptIn({ topic, deliveryId }: Entry, attempted: Attempted): string {
  const { outcome, reason = '', cause = '', httpStatus, note } = attempted
  const status = httpStatus === undefined ? '' : `, HTTP ${httpStatus}`
  switch (outcome) {
    case 'delivered': {
      const delivery = deliveryId === undefined ? '' : `, as delivery ${deliveryId}`
      if (note === 'duplicate') return `nothing was sent: the send ledger knows that it was sent before${delivery}`
      const by = topic === 'webhook-events' ? 'stored in BigQuery' : 'accepted by Customer.io'
      const older = note === 'older_time' ? ', which keeps what it knows of a later time' : ''
      const redirected = note === 'redirected' ? ' for the address that this environment redirects to' : ''
      return `${by}${older}${redirected}${heldIn(attempted)}${delivery}${carriageIn(attempted)}`
    }
    case 'retry':
      return `${REASONS[reason] ?? CAUSES[cause] ?? 'it failed'}${status}${carriageIn(attempted)}; Pub/Sub delivers it again`
    case 'expired':
    case 'cancelled':
    case 'guarded':
      return note === 'dropped' ? `${outcome}: not sent, and dropped` : `${outcome}: not sent, dead-lettered`
    default:
      return `${outcome}: dead-lettered${reason === '' ? '' : `, reason ${reason}`}${status}${carriageIn(attempted)}`
  }
}

function heldIn({ held }: Pick<Attempted, 'held'>): string {
  if (held === undefined) return ''
  return held === 'as_draft' ? ' as a draft' : `, to be sent at ${secondOf(held)}`
}

function carriageIn({ batch, queueMs, requestMs }: Attempted): string {
  const parts = [
    queueMs === undefined || queueMs === 0 ? undefined : `waited ${queueMs} ms`,
    requestMs === undefined ? undefined : `request ${requestMs} ms`,
    batch === undefined || batch.size < 2
      ? undefined
      : `${batch.position === undefined ? '' : `number ${batch.position + 1} `}of a batch of ${batch.size}`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

const STATES: Readonly<Record<Remembered['state'], string>> = {
  claimed: 'claimed: a function may be sending it',
  sent: 'sent',
  refused: 'refused by Customer.io',
  released: 'certainly not sent',
  uncertain: 'sent or not, nobody knows',
}

function rememberedIn({ deliveryId }: Entry, { state }: Remembered): string {
  return `${STATES[state]}${state === 'sent' && deliveryId !== undefined ? `, as delivery ${deliveryId}` : ''}`
}

function deadLetteredIn({ id, reason, error, attempts, replays, doubt }: DeadLettered): string {
  const tried = attempts > 1 ? ` after ${attempts} attempts` : ''
  const replayed = replays > 0 ? `, replayed ${replays === 1 ? 'once' : `${replays} times`} before` : ''
  const about =
    doubt === 'shared'
      ? '; it names others too'
      : doubt === 'perhaps'
        ? '; it breaks the contract, so whom it is about is not certain'
        : ''
  return `waits as dead letter ${id}, reason ${reason}${tried}${replayed}${error === '' ? '' : `: ${error}`}${about}`
}

/** A webhook later than this is worth a word. */
const LATE_MS = 60_000

function cameBackIn({ atMs, deliveryId }: Entry, { metric, byMachine, failure, receivedAtMs }: CameBack): string {
  const lateMs = receivedAtMs - atMs
  return [
    `${metric}${byMachine ? ' by a machine' : ''}`,
    ...(metric === 'sent' && deliveryId !== undefined ? [`delivery ${deliveryId}`] : []),
    ...(failure === undefined ? [] : [failure]),
    ...(lateMs > LATE_MS ? [`we heard of it ${duration(lateMs)} later`] : []),
  ].join(', ')
}

const DECISIONS: Readonly<Record<string, string>> = {
  settled_sent: 'an operator settled it as sent',
  settled_not_sent: 'an operator settled it as not sent, and published it again',
  replayed: 'an operator replayed it',
  purged: 'an operator purged its dead letter',
  revealed: 'an operator looked at its personal data',
  erased: 'an operator erased it with the person it was about',
}

function decidedIn({ what }: Decided): string {
  return DECISIONS[what] ?? `an operator: ${what}`
}

/** "200" says that Customer.io accepted a message, and not that anything was applied. */
function endingIn({ ending, entries, about }: Journey): string {
  const id = entries.flatMap(({ fact }) => (fact.kind === 'dead_lettered' ? [fact.id] : [])).at(-1)
  switch (ending.state) {
    case 'accepted':
      return `${about.topic === 'webhook-events' ? 'stored in BigQuery' : 'accepted by Customer.io'}${backIn(ending)}`
    case 'sent_by_customerio':
      return `sent by Customer.io itself${backIn(ending)}`
    case 'under_way':
      return 'under way: no outcome yet'
    case 'erased':
      return 'erased: nothing else is kept of it'
    case 'ended_by_operator':
      return `ended by an operator${backIn(ending)}`
    case 'uncertain':
      return `uncertain: it may have been sent${backIn(ending)}${id === undefined ? '' : `. Decide it: cio-gcp dlq settle --id ${id}`}`
    case 'dropped':
      return 'dropped by the recipient guard: nothing was sent, and nothing is kept of it'
    case 'not_sent':
      return `not sent: ${reasonIn(entries)}${id === undefined ? '. Its dead letter is no longer among those that could be seen' : `. Send it all the same: cio-gcp dlq replay --id ${id} --release`}`
    case 'dead_letter':
      return id === undefined
        ? 'dead-lettered, and no longer among the dead letters that could be seen'
        : `a dead letter. See it: cio-gcp dlq show ${id}`
  }
}

const NOT_SENT: Readonly<Record<string, string>> = {
  expired: 'its expires_at was over',
  cancelled: 'an operator cancelled it',
  guarded: 'held by the recipient guard',
}

/** Why a message was not sent, by the last that says so. */
function reasonIn(entries: Journey['entries']): string {
  const reasons = entries.flatMap(({ fact }) => ('reason' in fact ? (NOT_SENT[fact.reason ?? ''] ?? []) : []))
  return reasons.at(-1) ?? 'as somebody decided'
}

function backIn({ cameBack, final, held }: Ending): string {
  if (cameBack.length > 0) return `; then ${cameBack.join(', ')}`
  if (held !== undefined)
    return `${heldIn({ held })}${held === 'as_draft' ? ', which waits for somebody to send it' : ''}`
  return final ? '' : '; no webhook about it so far'
}
