import { once } from 'node:events'
import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../../emulators/pubsub/index.ts'
import { createTopology } from '../../../local/create-topology.ts'
import { readTopology } from '../../../topology/topology.ts'
import { areaPublish, type PublishForms, type PublishVerdict, verdictOn } from './publish.ts'

const topology = readTopology()
let server: PubSubServer
let client: PubSub

beforeAll(async () => {
  server = await startPubSub({ port: 0 })
  client = new PubSub({ projectId: 'project', emulatorMode: true, apiEndpoint: server.host })
  const nobody = Object.fromEntries(Object.keys(topology.functions).map((name) => [name, 'http://127.0.0.1:9/']))
  await createTopology({ topology, pubsub: client, pushBaseUrls: nobody, pushServiceAccountEmail: 'push@example.com' })
})
afterAll(async () => {
  await client.close()
  await server.close()
})

const now = () => 1_795_000_000_000

async function ask(path: string, body?: unknown): Promise<unknown> {
  const area = areaPublish({ stack: { client }, now, newKey: () => 'key-1' })
  const route = area.routes.find((one) => one.path === path && (one.method === 'GET') === (body === undefined))
  return await route?.run({ params: {}, query: new URLSearchParams(), body, signal: new AbortController().signal })
}

const receipt = {
  channel: 'email',
  identifiers: { id: 'ada' },
  to: 'ada@example.com',
  from: 'a@example.com',
  subject: 'x',
  body: 'y',
}

it('publishes by the publisher of the product, under the key that is given or a new one', async () => {
  const published = once(server.events, 'published')
  const text = JSON.stringify(receipt)
  const { messageId } = (await ask('/api/publish', { topic: 'transactional', text })) as { messageId: string }
  const [event] = await published
  expect(event).toMatchObject({ messageId, attributes: { idempotency_key: 'key-1', traceparent: expect.any(String) } })
  const again = once(server.events, 'published')
  expect(await ask('/api/publish', { topic: 'transactional', text, key: 'receipt-7', lane: 'bulk' })).toMatchObject({
    key: 'receipt-7',
  })
  expect((await again)[0]).toMatchObject({ attributes: { idempotency_key: 'receipt-7', lane: 'bulk' } })
})

it('publishes nothing that breaks the contract, unless told to publish it unchecked', async () => {
  const broken = { topic: 'track', text: '{"name":' }
  await expect(ask('/api/publish', broken)).rejects.toMatchObject({ message: 'the body is not JSON', field: 'text' })
  const published = once(server.events, 'published')
  expect(await ask('/api/publish', { ...broken, unchecked: true })).toMatchObject({ key: 'key-1' })
  expect((await published)[0]).toMatchObject({ topic: 'projects/project/topics/track' })
})

it.each([
  [{ topic: 'fax', text: '{}' }, 'topic'],
  [{ topic: 'track', text: 7 }, 'text'],
  [{ topic: 'track', text: '{}', lane: 'fast' }, 'lane'],
  [{ topic: 'transactional', text: JSON.stringify(receipt), key: 'x'.repeat(1_025) }, 'key'],
])('refuses %j and names the field %s', async (order, field) => {
  await expect(ask('/api/publish', order)).rejects.toMatchObject({ field })
})

it('says field by field what is wrong, and how much of each limit is taken', async () => {
  const text = JSON.stringify({ ...receipt, subject: 'two\nlines', colour: 'blue', attachments: { 'a.txt': 'YWJj' } })
  const verdict = (await ask('/api/publish/check', { topic: 'transactional', text })) as PublishVerdict
  expect(verdict.problems).toEqual(
    expect.arrayContaining([
      { field: 'subject', rule: expect.stringContaining('line break') },
      { field: 'colour', rule: expect.stringContaining('unknown field') },
    ]),
  )
  expect(verdict.measures).toContainEqual({ of: 'attachments', size: 3, limit: 2_000_000, unit: 'bytes' })
  expect(verdictOn('track', '[]', now)).toMatchObject({ problems: [{ field: 'message' }] })
  expect(verdictOn('track', '{"identifiers":{"id":"ada"},"name":"x"}', now)).toMatchObject({ problems: [] })
})

it('offers the forms and examples of every topic', async () => {
  const { topics } = (await ask('/api/publish')) as PublishForms
  expect(topics.transactional.kinds.map(({ name }) => name)).toContain('email')
  for (const { examples } of Object.values(topics)) expect(examples.length).toBeGreaterThan(3)
  const sound = topics.transactional.examples.find(({ label }) => label === 'a receipt with a text of its own')
  expect(verdictOn('transactional', sound?.text ?? '', now).problems).toEqual([])
})
