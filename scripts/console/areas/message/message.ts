import { fieldProblems, isTopicName, TOPIC_SCHEMAS } from '../../../../shared/contract/index.ts'
import { recordedKey } from '../../../../shared/idempotency/index.ts'
import type { HashRing } from '../../../../shared/identity/index.ts'
import { holdEndMs, type StoredRecord } from '../../../../shared/ledger/index.ts'
import type { Entry } from '../../../cio/trace/entry.ts'
import { gather, type Sought, type Stores } from '../../../cio/trace/gather.ts'
import { journeysOf } from '../../../cio/trace/journey.ts'
import { type Timeline, timelineOf } from '../../../cio/trace/timeline.ts'
import type { LoggedMessage } from '../../../local/message-log.ts'
import { maskText } from '../../masked.ts'
import { type Area, ConsoleError, type Route } from '../../server/area.ts'
import { answered } from '../answered.ts'
import { type MessageRow, rowOf } from '../messages/row.ts'
import { type FieldLine, linesOf } from './lines.ts'

/** Everything that is known of a message at this moment. */
export interface MessageView {
  readonly id: string
  /** By the clock of the console, which the times below count on. */
  readonly nowMs: number
  readonly row: MessageRow | undefined
  readonly journeys: readonly JourneyView[]
  readonly ledger: LedgerView | undefined
  readonly next: NextDelivery | undefined
  readonly payload: Payload | undefined
}

export interface JourneyView extends Timeline {
  readonly state: string
  /** Nothing more is expected. */
  readonly final: boolean
}

/** The record of the send ledger. */
export interface LedgerView {
  readonly state: string
  readonly updatedAtMs: number
  /** Of a claim: until then its holder may be sending. */
  readonly leaseEndsAtMs: number | undefined
  /** Of a send that may have happened: from then on Customer.io is asked for it. */
  readonly settlesAtMs: number | undefined
  readonly expiresAtMs: number
  readonly deliveryId: string | undefined
}

/** Where a message waits that is not acknowledged. */
export interface NextDelivery {
  readonly subscription: string
  /** Number of the next attempt, from 1. */
  readonly attempt: number
  readonly maxAttempts: number | undefined
  /** When the broker delivers it again; undefined when it is being delivered. */
  readonly atMs: number | undefined
}

export interface Payload {
  readonly topic: string
  readonly text: string
  readonly bytes: number
  /** Undefined when it is no JSON. */
  readonly lines: readonly FieldLine[] | undefined
  /** `none`: no contract is kept of this topic. */
  readonly verdict: 'keeps' | 'breaks' | 'none'
  readonly problems: number
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
  readonly publishes: readonly { readonly messageId: string; readonly atMs: number }[]
  readonly projectId: string
  /** `host:port` of the local Pub/Sub. */
  readonly emulator: string
}

export interface MessageDeps {
  readonly now: () => number
  /** The stores that a trace asks. */
  readonly stores: () => Promise<Stores>
  /** True: what Customer.io said of a failure, which may quote an address, is masked. */
  readonly masked?: boolean
  /** Bytes that a look at the stores reads at most; undefined where that costs nothing, and is done without being asked for. */
  readonly bytes?: () => Promise<number>
  /** What only the local stack knows. */
  readonly local?: {
    /** The keys by which the record's hash of a message's key is told from that of another. */
    readonly ring: () => Promise<HashRing>
    /** How long an uncertain send waits until Customer.io is asked for it. */
    readonly settleMs: number
    /** The ledger's record of a key. */
    readonly recordOf: (key: string) => Promise<StoredRecord | undefined>
    readonly find: (id: string) => LoggedMessage | undefined
    readonly next: (message: LoggedMessage) => NextDelivery | undefined
    /** Publishes the message again under its own key; gives Pub/Sub's id. */
    readonly publishAgain: (message: LoggedMessage) => Promise<string>
    readonly projectId: string
    readonly emulator: string
  }
}

/** One message: its way through every store, where it stands, and its body. */
export function areaMessage(deps: MessageDeps): Area {
  const { local, bytes } = deps
  const routes: Route[] = [{ method: 'GET', path: '/api/messages/:id', run: ({ params }) => view(deps, idOf(params)) }]
  if (bytes !== undefined) {
    routes.push({ method: 'GET', path: '/api/messages/:id/bytes', run: async () => ({ bytes: await answered(bytes) }) })
  }
  if (local !== undefined) {
    routes.push({
      method: 'POST',
      path: '/api/messages/:id/publish',
      run: async ({ params }) => ({ messageId: await local.publishAgain(known(local.find(idOf(params)))) }),
    })
  }
  return { name: 'message', routes }
}

/** As Pub/Sub gives them. */
const MESSAGE_ID = /^\d{1,32}$/

function idOf({ id = '' }: Readonly<Record<string, string>>): string {
  if (!MESSAGE_ID.test(id)) throw new ConsoleError('the id of a message is a number', { field: 'id' })
  return id
}

function known(message: LoggedMessage | undefined): LoggedMessage {
  if (message !== undefined) return message
  throw new ConsoleError('this message was published before the console started, and its body is gone', { status: 404 })
}

async function view(deps: MessageDeps, id: string): Promise<MessageView> {
  const { local, now } = deps
  const message = local?.find(id)
  const key = message && recordedKey(lastOf(message))
  const [entries, record] = await Promise.all([
    answered(async () => gather(await deps.stores(), soughtBy(id, key, await local?.ring()))),
    key === undefined || message?.topic !== 'transactional' ? undefined : local?.recordOf(key),
  ])
  return {
    ...{ id: message?.id ?? id, nowMs: now() },
    row: message && rowOf(message),
    journeys: journeysOf([...publishesOf(message), ...(deps.masked ? entries.map(maskedEntry) : entries)]).map(
      (journey) => {
        const { state, final } = journey.ending
        return { ...timelineOf(journey), state, final }
      },
    ),
    ledger: record && local && ledgerOf(record, local.settleMs),
    next: message && local?.next(message),
    payload: message && local && { ...payloadOf(message, now), projectId: local.projectId, emulator: local.emulator },
  }
}

/** Every other text of a timeline is ours. The name of an event, a template or a campaign may hold an address. */
function maskedEntry(entry: Entry): Entry {
  const { fact, what, template, origin } = entry
  const [named, templated, made] = [what, template, origin].map((text) => text && maskText(text))
  const about = { ...entry, what: named, template: templated, origin: made }
  if (fact.kind !== 'came_back' || fact.failure === undefined) return about
  return { ...about, fact: { ...fact, failure: maskText(fact.failure) } }
}

/** The record has a line of a publish only when a function has handled it. */
function publishesOf(message: LoggedMessage | undefined): readonly Entry[] {
  return (message?.publishes ?? []).map(({ messageId, atMs }) => ({
    ...{
      atMs,
      topic: message?.topic,
      messageIds: [messageId, ...(messageId === message?.id ? [] : [message?.id ?? ''])],
    },
    fact: { kind: 'published' },
  }))
}

function lastOf({ publishes, id }: LoggedMessage) {
  const { messageId = id, attributes = {} } = publishes.at(-1) ?? {}
  return { messageId, attributes }
}

function soughtBy(id: string, key: string | undefined, ring: HashRing | undefined): Sought {
  const keys = key === undefined ? [] : [key]
  return { messageIds: [id], keys, deliveryIds: [], names: [], ring, limit: 1 }
}

function ledgerOf(record: StoredRecord, settleMs: number): LedgerView {
  const { state, updatedAtMs, expiresAtMs, deliveryId } = record
  const mayHaveBeenSent = state === 'claimed' || state === 'uncertain'
  return {
    ...{ state, updatedAtMs, expiresAtMs, deliveryId: deliveryId ?? undefined },
    leaseEndsAtMs: state === 'claimed' ? holdEndMs(record) : undefined,
    settlesAtMs: mayHaveBeenSent ? holdEndMs(record) + settleMs : undefined,
  }
}

function payloadOf(message: LoggedMessage, now: () => number): Omit<Payload, 'projectId' | 'emulator'> {
  const { topic, data, orderingKey, publishes } = message
  const hasContract = isTopicName(topic)
  const problems = hasContract ? fieldProblems(TOPIC_SCHEMAS[topic], data, { now }) : []
  const text = data.toString('utf8')
  return {
    ...{ topic, text, bytes: data.length, orderingKey, problems: problems.length },
    lines: documentLines(text, problems),
    verdict: hasContract ? (problems.length === 0 ? 'keeps' : 'breaks') : 'none',
    attributes: publishes[0]?.attributes ?? {},
    publishes: publishes.map(({ messageId, atMs }) => ({ messageId, atMs })),
  }
}

function documentLines(text: string, problems: Parameters<typeof linesOf>[1]): readonly FieldLine[] | undefined {
  try {
    return linesOf(JSON.parse(text), problems)
  } catch {
    return undefined
  }
}
