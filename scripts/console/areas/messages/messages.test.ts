import { EventEmitter } from 'node:events'
import type { PubSubEvents } from '../../../emulators/pubsub/index.ts'
import { MessageLog } from '../../../local/message-log.ts'
import { readTopology } from '../../../topology/topology.ts'
import { areaMessages, type MessagePage } from './messages.ts'
import type { MessageRow } from './row.ts'

const events = new EventEmitter<PubSubEvents>()
const log = new MessageLog({ topology: readTopology(), projectId: 'p', events })
const area = areaMessages(log)

function publish(messageId: string, body: unknown, topic = 'track'): void {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const message = { messageId, attributes: {}, orderingKey: '', publishTimeMs: Number(messageId), data }
  events.emit('published', { topic: `projects/p/topics/${topic}`, ...message })
}

async function page(query = ''): Promise<MessagePage> {
  const request = {
    params: {},
    query: new URLSearchParams(query),
    body: undefined,
    signal: new AbortController().signal,
  }
  return (await area.routes[0]?.run(request)) as MessagePage
}

const idsOf = ({ rows }: MessagePage) => rows.map(({ id }) => id)

beforeAll(() => {
  for (const id of ['1', '2', '3', '4', '5']) publish(id, { identifiers: { id: 'ada' }, name: 'x' })
})

it('gives the newest first, page by page, until there is nothing older', async () => {
  const first = await page('limit=2')
  expect(first).toMatchObject({ before: '4', total: 5 })
  expect(idsOf(first)).toEqual(['5', '4'])
  expect(idsOf(await page('limit=2&before=4'))).toEqual(['3', '2'])
  const last = await page('limit=2&before=2')
  expect(idsOf(last)).toEqual(['1'])
  expect(last.before).toBeUndefined()
})

it('gives nothing before a message that is forgotten', async () => {
  expect(await page('before=unknown')).toMatchObject({ rows: [], before: undefined })
})

it.each(['limit=0', 'limit=x', 'limit=1000000'])('refuses %s by its name', async (query) => {
  await expect(page(query)).rejects.toMatchObject({ status: 400, field: 'limit' })
})

it('tells each change of a message', () => {
  const told: MessageRow[] = []
  const end = area.feeds?.messages?.((row) => told.push(row as MessageRow))
  publish('6', { identifiers: { email: 'a@b.c' }, transactional_message_id: 3, channel: 'email' }, 'transactional')
  events.emit('delivered', { subscription: 's', messageId: '6', attempt: 1, via: 'push', status: 503 })
  end?.()
  publish('7', {})
  expect(told).toMatchObject([
    { id: '6', topic: 'transactional', person: 'a@b.c', what: 'email', template: '3', outcome: 'waiting', attempts: 0 },
    { id: '6', outcome: 'retry', attempts: 1 },
  ])
})

it.each<[unknown, Partial<MessageRow>]>([
  [
    { identifiers: { id: 7 }, name: 'x' },
    { person: '7', what: 'event x' },
  ],
  [
    { action: 'merge', primary: { id: 'a' }, secondary: { id: 'b' } },
    { person: 'a', what: 'merge' },
  ],
  [
    { channel: 'sms', to: '+4912345', identifiers: {} },
    { person: '+4912345', what: 'sms' },
  ],
  [
    { object_type: 'email', metric: 'opened', data: { recipient: 'a@b.c' } },
    { person: 'a@b.c', what: 'email.opened' },
  ],
  [{ identifiers: { id: { toString: 'x' } }, to: [] }, { person: undefined }],
  ['no JSON', { person: undefined, what: 'not JSON' }],
  ['[]', { person: undefined, what: 'not JSON' }],
  ['', { person: undefined, what: 'not JSON' }],
])('says what the body %j is, and of whom', async (body, expected) => {
  publish('9', body)
  const { rows } = await page('limit=1')
  expect(rows[0]).toMatchObject(expected)
})

it('shows characters that would turn a line around, rather than have the browser obey them', async () => {
  publish('99', { identifiers: { id: 'a\u202ead' }, name: 'b\u2067\n' })
  const [row] = (await page('limit=1')).rows
  expect(row).toMatchObject({ person: 'a\\u202ead', what: 'event b\\u2067\\x0a' })
})
