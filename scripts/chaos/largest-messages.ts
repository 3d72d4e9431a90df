import { SIGNING_KEY } from '../bench/load/messages.ts'
import { signWebhook } from '../emulators/customerio/index.ts'

/** A request to a function: ready-made bytes, of which the large part is shared by all requests of its kind. */
export interface LargeRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly parts: readonly Buffer[]
}

/** The largest that each function is sent, and how much of it at once. */
export interface Scenario {
  readonly function: 'identify' | 'track' | 'transactional' | 'warehouse' | 'webhook'
  readonly what: string
  readonly concurrency: number
  readonly messages: number
  /** A request with an id of its own. */
  readonly request: (index: number) => LargeRequest
}

const SIGNED_AT = '1793610000'
const text = (bytes: number) => 'x'.repeat(bytes)

/** Two million bytes of attachments, and a million of everything else, in letters that a string keeps in two bytes each. */
const email = () => ({
  channel: 'email',
  transactional_message_id: 5,
  to: 'someone@example.com',
  identifiers: { id: 'u1' },
  message_data: { note: 'ж'.repeat(490_000) },
  attachments: { 'a.bin': Buffer.alloc(1_990_000, 7).toString('base64') },
})

/** An event with white space up to the million bytes that the contract reads. */
const event = () => {
  const body = JSON.stringify({ identifiers: { id: 'u1' }, name: 'e', attributes: { note: text(900) } })
  return body + ' '.repeat(1_000_000 - body.length)
}

const oversizeEvent = () =>
  JSON.stringify({ identifiers: { id: 'u1' }, name: 'e', attributes: { note: text(9_900_000) } })

/** Half a million values, which is what takes most memory once it is parsed. */
const webhookEvent = (bytes: number) => {
  const values = '{},'.repeat(500_000)
  const start = `{"event_id":"e1","object_type":"email","metric":"sent","timestamp":1763740000,"data":{"list":[${values}0],"content":"`
  return `${start}${text(bytes - start.length - 3)}"}}`
}

/** What takes most memory for its length: an object with a number for a name is a table of its own. */
const SPARSE = '{"900":0},'

/** A million bytes of such objects, which the contract lets pass. */
const emailOfObjects = () => {
  const { attachments: _, message_data: __, ...rest } = email()
  return `${JSON.stringify(rest).slice(0, -1)},"message_data":{"list":[${SPARSE.repeat(99_900)}0]}}`
}

/** Ten megabytes of nothing but values. */
const bomb = (item: string) => `{"event_id":"e1","channel":"email","data":[${item.repeat(9_900_000 / item.length)}0]}`

export const SCENARIOS: Readonly<Record<string, () => Scenario>> = {
  'track-oversize': () => ({
    function: 'track',
    what: 'pushes of 9.9 MB, which no contract lets pass',
    concurrency: 20,
    messages: 40,
    request: pushes('track', oversizeEvent()),
  }),
  track: () => ({
    function: 'track',
    what: 'events of 1 MB',
    concurrency: 1_000,
    messages: 2_000,
    request: pushes('track', event()),
  }),
  transactional: () => ({
    function: 'transactional',
    what: 'e-mails with attachments of 1.99 MB and 1 MB of data',
    concurrency: 80,
    messages: 160,
    request: pushes('transactional', JSON.stringify(email())),
  }),
  warehouse: () => ({
    function: 'warehouse',
    what: 'webhook events of 9.9 MB with 500,000 values',
    concurrency: 60,
    messages: 60,
    request: pushes('warehouse', webhookEvent(9_900_000)),
  }),
  'transactional-objects': () => ({
    function: 'transactional',
    what: 'e-mails with 1 MB of small objects',
    concurrency: 80,
    messages: 160,
    request: pushes('transactional', emailOfObjects()),
  }),
  'transactional-bomb': () => ({
    function: 'transactional',
    what: 'messages of 9.9 MB of nested lists',
    concurrency: 20,
    messages: 40,
    request: pushes('transactional', bomb('[[[[[[[[[[[]]]]]]]]]]],')),
  }),
  'warehouse-bomb': () => ({
    function: 'warehouse',
    what: 'webhook events of 9.9 MB of small objects',
    concurrency: 20,
    messages: 40,
    request: pushes('warehouse', bomb(SPARSE)),
  }),
  'webhook-bomb': () => ({
    function: 'webhook',
    what: 'signed webhooks of 9.9 MB of small objects',
    concurrency: 32,
    messages: 32,
    request: webhooks(bomb(SPARSE)),
  }),
  webhook: () => ({
    function: 'webhook',
    what: 'signed webhooks of 20 MB with 500,000 values',
    concurrency: 32,
    messages: 32,
    request: webhooks(webhookEvent(20_000_000)),
  }),
}

function pushes(subscription: string, message: string): Scenario['request'] {
  const data = Buffer.from(Buffer.from(message).toString('base64'))
  return (index) => ({
    headers: { 'content-type': 'application/json' },
    parts: [
      Buffer.from(`{"message":{"messageId":"m${index}","publishTime":"2026-11-21T10:00:00Z","attributes":{},"data":"`),
      data,
      Buffer.from(`"},"subscription":"projects/p/subscriptions/${subscription}","deliveryAttempt":1}`),
    ],
  })
}

function webhooks(event: string): Scenario['request'] {
  const body = Buffer.from(event)
  const headers = { 'x-cio-timestamp': SIGNED_AT, 'x-cio-signature': signWebhook(SIGNING_KEY, SIGNED_AT, body) }
  return () => ({ headers, parts: [body] })
}
