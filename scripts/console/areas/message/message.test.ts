import { EventEmitter } from 'node:events'
import { type HashRing, hashOfMessageKey, parseHashRing } from '../../../../shared/identity/index.ts'
import type { StoredRecord } from '../../../../shared/ledger/index.ts'
import type { Entry } from '../../../cio/trace/entry.ts'
import type { Stores } from '../../../cio/trace/gather.ts'
import type { PubSubEvents } from '../../../emulators/pubsub/index.ts'
import { MessageLog } from '../../../local/message-log.ts'
import { readTopology } from '../../../topology/topology.ts'
import { areaMessage, type MessageDeps, type MessageView } from './message.ts'

const NOW_MS = 1_795_000_000_000
const SEND = { channel: 'email', transactional_message_id: 3, to: 'a@b.c', identifiers: { email: 'a@b.c' } }
const RECORD: StoredRecord = {
  ...{ id: 'r', version: 'v', state: 'claimed', owner: 'o', leaseMs: 40_000, channel: 'email', template: '3' },
  ...{ hashes: { version: 2, ring: 'k', content: 'c', persons: [] } as unknown as StoredRecord['hashes'] },
  ...{ claimedAtMs: NOW_MS - 1_000, updatedAtMs: NOW_MS - 1_000, readAtMs: NOW_MS, expiresAtMs: NOW_MS + 1e9 },
  deliveryId: null,
}

const RING = ringOf('a key of more than thirty-two characters')
const [HASH_KEY] = RING

function ringOf(keys: string): HashRing {
  const ring = parseHashRing(keys)
  if (ring === undefined) throw new Error('there is no ring')
  return ring
}

interface Given extends Partial<MessageDeps> {
  readonly recordOf?: () => Promise<StoredRecord>
  /** What the record says besides. */
  readonly entries?: readonly Entry[]
  readonly remembered?: readonly Entry[]
}

function harness({ recordOf, entries = [], remembered = [], ...deps }: Given = {}) {
  const events = new EventEmitter<PubSubEvents>()
  const log = new MessageLog({ topology: readTopology(), projectId: 'p', events })
  const again: string[] = []
  const asked: unknown[] = []
  const known: Entry = { atMs: NOW_MS, messageIds: ['1'], topic: 'transactional', fact: { kind: 'published' } }
  const stores: Stores = {
    rows: {
      outcomes: async (ties) => (ties.messageIds.includes('1') ? [known, ...entries] : []),
      messagesOf: async () => [],
      events: async () => [],
      deliveriesOf: async () => [],
    },
    remembered: async () => remembered,
    deadLetters: async () => [],
    hashesInRows: () => [],
    soughtBy: () => undefined,
  }
  const area = areaMessage({
    ...{ now: () => NOW_MS, stores: async () => stores },
    local: {
      ...{ find: (id) => log.find(id), next: () => undefined, projectId: 'p', emulator: '127.0.0.1:1' },
      ...{ settleMs: 60_000, ring: async () => RING },
      recordOf: async (key) => {
        asked.push(key)
        return await recordOf?.()
      },
      publishAgain: async ({ id }) => {
        again.push(id)
        return '9'
      },
    },
    ...deps,
  })
  const publish = (topic: string, messageId: string, body: unknown, attributes: Record<string, string> = {}) =>
    events.emit('published', {
      ...{ topic: `projects/p/topics/${topic}`, messageId, attributes, orderingKey: '', publishTimeMs: NOW_MS },
      data: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    })
  const run = async (method: string, path: string, id: string) => {
    const route = area.routes.find((each) => each.method === method && each.path === path)
    const { signal } = new AbortController()
    return await route?.run({ params: { id }, query: new URLSearchParams(), body: {}, signal })
  }
  return {
    ...{ area, publish, again, asked },
    view: async (id: string) => (await run('GET', '/api/messages/:id', id)) as MessageView,
    publishAgain: (id: string) => run('POST', '/api/messages/:id/publish', id),
  }
}

it('tells the way of a message in the words of a trace, with its body and what the contract says', async () => {
  const { publish, view } = harness()
  publish('transactional', '1', { ...SEND, to: 7 })
  expect(await view('1')).toMatchObject({
    ...{ id: '1', nowMs: NOW_MS, row: { outcome: 'waiting', topic: 'transactional' } },
    journeys: [{ lines: [{ source: 'record', text: 'published to transactional, as message 1' }], final: false }],
    payload: { verdict: 'breaks', problems: 1, attributes: {}, publishes: [{ messageId: '1' }] },
  })
})

it('shows a publish that the record does not know yet', async () => {
  const { publish, view } = harness()
  publish('track', '7', {})
  publish('track', '8', {}, { source_message_id: '7' })
  const { journeys } = await view('7')
  expect(journeys.map(({ lines }) => lines.map(({ text }) => text))).toEqual([
    ['published to track, as message 7', 'published again to track, as message 8'],
  ])
})

it('asks the ledger about a send by its key, and about nothing else', async () => {
  const { publish, view, asked } = harness()
  publish('transactional', '1', SEND, { idempotency_key: 'receipt' })
  publish('transactional', '2', SEND)
  publish('track', '3', {})
  for (const id of ['1', '2', '3']) await view(id)
  expect(asked).toEqual(['publisher:receipt', 'message:2'])
})

it.each<[StoredRecord['state'], number | undefined, number | undefined]>([
  ['claimed', NOW_MS + 39_000, NOW_MS + 99_000],
  ['uncertain', undefined, NOW_MS + 59_000],
  ['sent', undefined, undefined],
  ['refused', undefined, undefined],
  ['released', undefined, undefined],
])('says of a record that is %s when its lease ends, and when Customer.io is asked', async (state, lease, settles) => {
  const { publish, view } = harness({ recordOf: async () => ({ ...RECORD, state }) })
  publish('transactional', '1', SEND)
  expect((await view('1')).ledger).toMatchObject({ state, leaseEndsAtMs: lease, settlesAtMs: settles })
})

it('has no contract to hold a webhook against, and shows what is no JSON as it is', async () => {
  const { publish, view } = harness()
  publish('webhook-events', '1', { event_id: 'e' })
  expect((await view('1')).payload).toMatchObject({ verdict: 'none', problems: 0 })
  publish('track', '2', '<no json>')
  expect((await view('2')).payload).toMatchObject({ text: '<no json>', lines: undefined, verdict: 'breaks' })
})

it('publishes a message again by its first id', async () => {
  const { publish, publishAgain, again } = harness()
  publish('track', '1', {})
  publish('track', '2', {}, { source_message_id: '1' })
  expect(await publishAgain('2')).toEqual({ messageId: '9' })
  expect(again).toEqual(['1'])
})

it('publishes nothing that it does not have, and nothing of a deployment', async () => {
  await expect(harness().publishAgain('7')).rejects.toMatchObject({ status: 404 })
  const { now, stores } = {
    now: () => NOW_MS,
    stores: () => Promise.reject(Object.assign(new Error('no permission'), { code: 403 })),
  }
  const area = areaMessage({ now, stores })
  expect(area.routes.map(({ method }) => method)).toEqual(['GET'])
})

it('takes the line of the record and that of the ledger for one message, by its key', async () => {
  const key = 'publisher:receipt'
  const { publish, view } = harness({
    entries: [
      { atMs: NOW_MS, messageIds: ['1'], keyHash: hashOfMessageKey(HASH_KEY, key), fact: { kind: 'published' } },
    ],
    remembered: [{ atMs: NOW_MS, key, fact: { kind: 'remembered', state: 'claimed' } }],
  })
  publish('transactional', '1', SEND, { idempotency_key: 'receipt' })
  expect((await view('1')).journeys).toMatchObject([{ lines: [{ source: 'record' }, { source: 'ledger' }] }])
})

it('masks the address in what Customer.io said of a failure, and in the names of what was sent', async () => {
  const bounced: Entry = {
    ...{ atMs: NOW_MS, messageIds: ['1'], topic: 'transactional', deliveryId: 'd' },
    ...{ what: 'event mail ada@example.com', template: 'of ada@example.com' },
    fact: {
      ...{ kind: 'came_back', eventId: 'e', metric: 'bounced', byMachine: false, receivedAtMs: NOW_MS },
      failure: '550 no mailbox ada@example.com here',
    },
  }
  const texts = async (masked: boolean) => {
    const { view } = harness({ masked, entries: [bounced] })
    return JSON.stringify((await view('1')).journeys)
  }
  expect(await texts(false)).toContain('ada@example.com')
  expect(await texts(true)).toContain('550 no mailbox')
  expect(await texts(true)).toContain('event mail •••, template of •••')
  expect(await texts(true)).not.toContain('ada@')
})

it('tells what a store says when it refuses, and what a look costs', async () => {
  const stores = () => Promise.reject(Object.assign(new Error('no permission'), { code: 403 }))
  const { routes } = areaMessage({ now: () => NOW_MS, stores, bytes: async () => 1e9 })
  const request = { params: { id: '1' }, query: new URLSearchParams(), body: {}, signal: new AbortController().signal }
  const [view, bytes] = routes
  await expect(view?.run(request)).rejects.toMatchObject({ status: 502, message: 'no permission' })
  expect(await bytes?.run(request)).toEqual({ bytes: 1e9 })
})

it.each(['', 'x', '../1', '1 OR 1=1', '1'.repeat(33)])('refuses %j, which is the id of no message', async (id) => {
  await expect(harness().view(id)).rejects.toMatchObject({ status: 400, field: 'id' })
})
