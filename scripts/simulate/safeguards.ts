import type { Answer, Exchange } from '../../shared/customerio/index.ts'
import type { Connect } from '../../shared/google-api/index.ts'
import type { Host } from '../../shared/runtime/index.ts'
import type { Write } from '../emulators/firestore/protocol.ts'
import type { Insert } from './network.ts'
import type { Planned } from './plan.ts'
import { isFrozen, isStalled, type Weather } from './weather.ts'

/** What the product looks like without one of its safeguards, as seen from around it: nothing in the product knows of this. */
export interface Sabotage {
  /** Of the functions. */
  readonly env?: Readonly<Record<string, string>>
  /** Of what the ledger writes. */
  readonly rewrite?: (write: Write) => Write
  readonly exchange?: (exchange: Exchange) => Exchange
  readonly connect?: (connect: Connect) => Connect
  /** Of BigQuery. */
  readonly insert?: (insert: Insert) => Insert
  readonly host?: (host: Host) => Host
  readonly publish?: (planned: Planned) => Planned
  /** A connection that is given up stays open. */
  readonly keepsConnections?: boolean
  /** Where it is looked for; by default in the part `messages`. */
  readonly part?: 'webhooks'
  /** The hours that can show it; by default every one. */
  readonly isShownIn?: (weather: Weather) => boolean
}

/** In milliseconds, of a send: the lease without its margin. */
const REQUEST_TIMEOUT_MS = 8_000
/** Of the publish in Pub/Sub, which the checker does not see. */
const withoutAttribute = (name: string) => (planned: Planned) => {
  const { [name]: _, ...attributes } = planned.attributes
  return { ...planned, attributes }
}

/** One per safeguard: what is taken out. */
export const SAFEGUARDS = {
  /** A write of the ledger succeeds whoever has written since. */
  fencing: {
    rewrite: ({ currentDocument, ...write }) => (currentDocument?.updateTime ? write : { ...write, currentDocument }),
  },
  /** A claim ends with the timeout of the request. It takes a process that stands still twice, and a list that is late. */
  'lease margin': {
    isShownIn: isStalled,
    rewrite: (write) => withField(write, 'lease_ms', { integerValue: String(REQUEST_TIMEOUT_MS) }),
  },
  /** Customer.io is asked for an uncertain send at once. */
  'settle time': { env: { SEND_LEDGER_SETTLE_SECONDS: '0' } },
  /** Whatever a batch is answered with 2xx, all of it counts as delivered. */
  '207 mapping': { exchange: answering((answer) => (answer.status === 207 ? { ...answer, body: '{}' } : answer)) },
  /** A refused batch is refused with all its items. */
  bisecting: {
    exchange: (exchange) => async (request, options) => {
      const answer = await exchange(request, options)
      const items =
        typeof request.body === 'string' ? (request.body.match(/"mark"|"action":"delete"/g)?.length ?? 0) : 0
      if (answer.kind !== 'response' || answer.status !== 400 || items < 2) return answer
      const errors = Array.from({ length: items }, (_, index) => ({ batch_index: index, reason: 'refused' }))
      return { ...answer, status: 207, body: JSON.stringify({ errors }) }
    },
  },
  /** A process ends at SIGTERM. */
  drain: { host: (host) => ({ ...host, drain: { begin: () => true, timeLeftMs: () => Number.POSITIVE_INFINITY } }) },
  guard: { env: { RECIPIENTS: 'anyone' } },
  expiry: { publish: withoutAttribute('expires_at') },
  /** Updates of a person are published without their ordering key. */
  'ordering by key': { publish: (planned) => ({ ...planned, orderingKey: '' }) },
  /** A function is not told that nobody waits for its answer any more. */
  'closed connection': { isShownIn: isFrozen, keepsConnections: true },
  /** An instance reads whatever it is sent. */
  'memory budget': { env: { BODY_MEMORY_BYTES: '34359738368' } },
  /** An event without an id gets none that a redelivery would have too. */
  'event id': {
    exchange: (exchange) => {
      let sent = 0
      return (request, options) => {
        const body =
          typeof request.body === 'string'
            ? request.body.replaceAll(/"id":"[0-9A-HJKMNP-TV-Z]{26}"/g, () => `"id":"sent-${sent++}"`)
            : request.body
        return exchange({ ...request, body: body ?? null }, options)
      }
    },
  },
  /** A webhook counts as published as soon as the publish has begun. */
  'certain publish': {
    part: 'webhooks',
    connect: (connect) => (origin, clock) => {
      const connection = connect(origin, clock)
      return {
        ...connection,
        async send(call, options) {
          void connection.send(call, options).catch(() => {})
          return [Buffer.alloc(0)]
        },
      }
    },
  },
  /** Whatever BigQuery answers an insert, all its rows count as stored. */
  'row errors': {
    part: 'webhooks',
    insert: (insert) => (table, rows) => {
      try {
        insert(table, rows)
      } catch {}
    },
  },
} as const satisfies Record<string, Sabotage>
export type Safeguard = keyof typeof SAFEGUARDS

export const isSafeguard = (name: string): name is Safeguard => Object.hasOwn(SAFEGUARDS, name)

function withField(write: Write, name: string, value: Record<string, unknown>): Write {
  const { update } = write
  return update?.fields[name] === undefined
    ? write
    : { ...write, update: { ...update, fields: { ...update.fields, [name]: value } } }
}

function answering(change: (answer: Extract<Answer, { kind: 'response' }>) => Answer) {
  return (exchange: Exchange): Exchange =>
    async (request, options) => {
      const answer = await exchange(request, options)
      return answer.kind === 'response' ? change(answer) : answer
    }
}
