import { hashOfMessageKey, hashOfPerson } from '../identity/index.ts'
import { createLog } from '../logging/index.ts'
import type { Outcome } from '../outcome/index.ts'
import type { Failure } from './dead-letter.ts'
import { type About, logMessage } from './message-line.ts'
import type { ReceivedMessage } from './push.ts'

const KEY = { id: 'abcd1234', secret: 'a key of thirty-two characters..' }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const ABOUT = {
  action: 'event',
  eventName: `${'ä'.repeat(60)} order`,
  persons: [
    { kind: 'id', value: 'u1' },
    { kind: 'email', value: 'ann@example.com' },
  ],
} as const satisfies About
const MESSAGE: ReceivedMessage = {
  data: Buffer.from('{"email":"ann@example.com"}'),
  dataIsIntact: true,
  attributes: {},
  messageId: '17',
  publishTime: '2026-11-21T10:00:00Z',
  orderingKey: 'id:u1',
  subscription: 'projects/p/subscriptions/track',
  deliveryAttempt: 2,
}
const ENDED_AT = Date.parse('2026-11-21T10:00:03Z')
const HANDLED = {
  ...{ topic: 'track', about: ABOUT, key: 'publisher:order-1', hashKey: KEY },
  ...{ trace: `00-${TRACE}-b7ad6b7169203331-01`, startedAt: ENDED_AT - 40, endedAt: ENDED_AT },
}

function lineOf(
  outcome: Outcome,
  message: Partial<ReceivedMessage> = {},
  handled: Partial<Parameters<typeof logMessage>[3]> = {},
  deadLetter?: Failure,
) {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    ...{ functionName: 'track', projectId: 'p', clock: { now: () => ENDED_AT } },
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  })
  const answer = outcome.kind === 'delivered' ? 204 : 503
  const ended = { answer, outcome, ...(deadLetter !== undefined && { deadLetter }) } as const
  logMessage(log, { ...MESSAGE, ...message }, ended, { ...HANDLED, ...handled })
  expect(lines).toHaveLength(1)
  return lines[0]
}

it('is the record of the message: which, whose, when, how it travelled, and what it came to', () => {
  const outcome: Outcome = {
    ...{ kind: 'delivered', deliveryId: 'd1', duplicate: true },
    ...{ batchId: '16.1', batchSize: 12, batchPosition: 3, queueWaitMs: 7, requestMs: 31 },
  }
  expect(lineOf(outcome, { attributes: { source_message_id: '4' } })).toEqual({
    ...{ severity: 'INFO', time: '2026-11-21T10:00:03.000Z', message: 'delivered', event: 'message' },
    ...{ topic: 'track', message_id: '17', source_message_id: '4', publish_time: '2026-11-21T10:00:00.000Z' },
    ...{ attempt: 2, outcome: 'delivered', answer: 204, note: 'duplicate', delivery_id: 'd1' },
    ...{ action: 'event', event_name: 'ä'.repeat(50) },
    hash_key: 'abcd1234',
    key_hash: hashOfMessageKey(KEY, 'publisher:order-1'),
    persons: ABOUT.persons.map((person) => hashOfPerson(KEY, person)),
    ...{ batch_id: '16.1', batch_size: 12, batch_position: 3, queue_wait_ms: 7, request_ms: 31 },
    ...{ latency_ms: 40, age_ms: 3_000 },
    'logging.googleapis.com/labels': { function: 'track' },
    'logging.googleapis.com/trace': `projects/p/traces/${TRACE}`,
  })
})

it('tells when a send is due, and that it waits as a draft', () => {
  const about = { channel: 'email', sendAt: Date.parse('2026-12-01T08:00:00Z') / 1_000, queueDraft: true }
  const line = lineOf({ kind: 'delivered' }, {}, { about })
  expect(line).toMatchObject({ send_at: '2026-12-01T08:00:00.000Z', queue_draft: true })
})

it('has the key, and nobody, of a message that could not be read', () => {
  const refused: Outcome = { kind: 'refused', reason: 'contract', error: 'to: ann@example.com' }
  const line = lineOf(refused, { publishTime: 'ann@example.com' }, { about: undefined })
  expect(line).toMatchObject({ outcome: 'refused', key_hash: hashOfMessageKey(KEY, 'publisher:order-1') })
  for (const field of ['persons', 'publish_time', 'age_ms']) expect(line).not.toHaveProperty(field)
})

it('has neither persons nor key while there is nothing to hash them with', () => {
  const line = lineOf({ kind: 'delivered' }, {}, { hashKey: undefined })
  for (const field of ['persons', 'key_hash', 'hash_key']) expect(line).not.toHaveProperty(field)
  expect(line).toMatchObject({ outcome: 'delivered', action: 'event' })
})

it('has no key of a message that breaks the contract', () => {
  expect(lineOf({ kind: 'delivered' }, {}, { key: undefined })).not.toHaveProperty('key_hash')
})

it('of a dead letter says that it is one, and why', () => {
  const outcome = { kind: 'retry', cause: 'transient', reason: 'throttled', error: 'about ann@example.com' } as const
  const line = lineOf(outcome, {}, {}, { reason: 'exhausted', error: outcome.error })
  expect(line).toMatchObject({
    ...{ severity: 'WARNING', message: 'dead-lettered', outcome: 'exhausted', cause: 'transient', reason: 'exhausted' },
  })
})

it('of refused credentials is an error, in our own words', () => {
  const error = 'Customer.io answered 401: the credentials are refused'
  expect(lineOf({ kind: 'retry', cause: 'configuration', error, httpStatus: 401 })).toMatchObject({
    ...{ severity: 'ERROR', message: 'our configuration is refused', error, http_status: 401 },
  })
})

it.each(['ann@example.com', 'ann 17', '17 ann', '1'.repeat(33)])(
  'names no source that is no message id: the attribute may hold anything, such as %j',
  (source_message_id) => {
    expect(lineOf({ kind: 'delivered' }, { attributes: { source_message_id } })).not.toHaveProperty('source_message_id')
  },
)

it('names the source of a replay by its message id, which may be long', () => {
  const source_message_id = '1'.repeat(32)
  expect(lineOf({ kind: 'delivered' }, { attributes: { source_message_id } })).toMatchObject({ source_message_id })
})

it('of a message that a check stopped says that it is not sent', () => {
  expect(lineOf({ kind: 'expired', error: 'was over' })).toMatchObject({ message: 'not sent', outcome: 'expired' })
})

it('gives no reason of a dead letter that there is none of', () => {
  const line = lineOf({ kind: 'refused', reason: 'refused', error: 'no' })
  expect(line).toMatchObject({ message: 'will be delivered again', outcome: 'refused' })
  expect(line).not.toHaveProperty('reason')
})

it.each([
  [{ kind: 'delivered' }, {}],
  [{ kind: 'refused', reason: 'refused', error: 'about ann@example.com', httpStatus: 400 }, { http_status: 400 }],
  [
    { kind: 'retry', cause: 'transient', reason: 'server_error', error: 'about ann@example.com', httpStatus: 503 },
    { cause: 'transient', reason: 'server_error', http_status: 503 },
  ],
] as const satisfies [Outcome, object][])('quotes nothing of the message: %j', (outcome, expected) => {
  const line = lineOf(outcome)
  expect(line).toMatchObject({ outcome: outcome.kind, ...expected })
  expect(JSON.stringify(line)).not.toContain('ann@example')
})
