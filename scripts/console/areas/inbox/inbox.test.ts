import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../../local/stack.ts'
import { PROJECT_ROOT } from '../../../topology/topology.ts'
import type { Route } from '../../server/area.ts'
import { SandboxedDocument } from '../../server/area.ts'
import { areaInbox, type InboxEvent, type ReceivedMessage } from './inbox.ts'

jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'console-inbox-test')
let stack: Stack

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const functions = ['transactional', 'webhook', 'warehouse']
  stack = await startStack({ directory, ports: { all: 0 }, announce: false, functions })
})
afterAll(() => stack?.close())

async function ask(method: Route['method'], path: string, body?: unknown): Promise<unknown> {
  const url = new URL(path, 'http://console')
  for (const route of areaInbox(stack).routes) {
    const names: string[] = []
    const pattern = route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
      names.push(name)
      return '([^/]+)'
    })
    const found = new RegExp(`^${pattern}$`).exec(url.pathname)
    if (found === null || route.method !== method) continue
    const params = Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]))
    return await route.run({ params, query: url.searchParams, body, signal: new AbortController().signal })
  }
  throw new Error(`no route ${method} ${path}`)
}

/** Publishes as an application does, and gives the message as the inbox tells of it. */
async function send(message: object): Promise<{ readonly messageId: string; readonly id: string }> {
  const received = once(stack.customerio.workspace.changes, 'send')
  const data = Buffer.from(JSON.stringify({ identifiers: { id: 'ada' }, ...message }))
  const messageId = await stack.client.topic('transactional').publishMessage({ data })
  const [{ deliveryId }] = await received
  return { messageId, id: deliveryId }
}

/** Looks again at each acknowledgement: rows are there by then. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const next = once(stack.pubsub.events, 'acknowledged')
    if (await condition()) return
    await next
  }
}

const show = async (id: string) => (await ask('GET', `/api/inbox/${id}`)) as ReceivedMessage

it('follows an e-mail from its publish to the row of its opening', async () => {
  const told: InboxEvent[] = []
  const end = areaInbox(stack).feeds?.inbox?.((event) => told.push(event as InboxEvent))
  const email = {
    ...{ channel: 'email', to: 'ada@example.com', from: 'shop@example.com', subject: 'Your <b>receipt</b>' },
    ...{ body: '<a href="https://example.com/o-1">o-1</a>', attachments: { 'a/b.txt': 'NDIuNTA=' } },
  }
  const { id, messageId } = await send(email)
  expect(told).toMatchObject([{ kind: 'message', message: { id, subject: 'Your <b>receipt</b>', reported: [] } }])
  const message = await show(id)
  expect(message).toMatchObject({
    recipient: 'ada@example.com',
    person: 'id:ada',
    links: ['https://example.com/o-1'],
    stored: [],
  })
  expect(message.actions).toEqual(['deliver', 'open', 'click', 'bounce', 'complain', 'unsubscribe'])
  expect(await ask('GET', `/api/inbox/${id}/attachments/0`)).toEqual({ name: 'a/b.txt', base64: 'NDIuNTA=' })
  const html = await ask('GET', `/api/inbox/${id}/html`)
  expect(html).toBeInstanceOf(SandboxedDocument)
  expect(html).toEqual({ html: email.body, remoteImages: false })
  expect(await ask('GET', `/api/inbox/${id}/html?remote=yes`)).toMatchObject({ remoteImages: true })

  expect(await ask('POST', `/api/inbox/${id}/act`, { does: 'open' })).toEqual({
    reported: ['sent', 'delivered', 'opened'],
  })
  await until(async () => (await show(id)).stored.length === 3)
  expect((await show(id)).stored.map(({ metric }) => metric).sort()).toEqual(['delivered', 'opened', 'sent'])
  expect(told).toContainEqual({ kind: 'webhook', id, metric: 'opened', status: 204 })
  expect(told).toContainEqual({ kind: 'stored' })
  expect(told).toContainEqual(
    expect.objectContaining({ message: expect.objectContaining({ reported: ['sent', 'delivered', 'opened'] }) }),
  )
  await until(async () => (await show(id)).messageId !== undefined)
  expect((await show(id)).messageId).toBe(messageId)
  end?.()
  told.length = 0
  await send({ channel: 'push', transactional_message_id: 4, title: 'Shipped' })
  expect(told).toEqual([])
})

it('lists what was received, the newest first, by channel and text', async () => {
  const { id } = await send({ channel: 'sms', transactional_message_id: 5, to: '+15550199' })
  const list = async (query: string) => (await ask('GET', `/api/inbox?${query}`)) as { messages: ReceivedMessage[] }
  expect((await list('')).messages[0]).toMatchObject({ id, subject: 'Template 5' })
  expect((await list('containing=0199')).messages).toMatchObject([{ id }])
  expect((await list('channel=push')).messages.map(({ channel }) => channel)).not.toContain('sms')
  expect(await list('containing=nothing')).toMatchObject({ messages: [], found: 0, channels: { sms: 1 } })
  const message = await show(id)
  expect(message).toMatchObject({ template: 5, content: { isKnown: false }, actions: ['deliver', 'click', 'bounce'] })
})

it('shows a broadcast as what it is: to readers whom Customer.io chooses', async () => {
  const received = once(stack.customerio.workspace.changes, 'broadcast')
  const data = Buffer.from(
    JSON.stringify({ channel: 'broadcast', broadcast_id: 7, data: { headline: 'Sale' }, ids: ['ada'] }),
  )
  await stack.client.topic('transactional').publishMessage({ data })
  await received
  expect(await show('broadcast-1')).toMatchObject({
    ...{ channel: 'broadcast', subject: 'Broadcast 7', recipient: null, actions: [] },
    content: { data: { headline: 'Sale' }, rest: { ids: ['ada'] } },
  })
})

it('refuses what nobody received, what the channel has not, and a click on what is no link on the web', async () => {
  const { id } = await send({ channel: 'in_app', transactional_message_id: 6 })
  await expect(ask('GET', '/api/inbox/nobody')).rejects.toMatchObject({ status: 404 })
  await expect(ask('POST', `/api/inbox/${id}/act`, { does: 'complain' })).rejects.toMatchObject({ field: 'does' })
  await expect(ask('POST', `/api/inbox/${id}/act`, { does: 'frown' })).rejects.toMatchObject({ field: 'does' })
  const click = { does: 'click', href: 'javascript:alert(1)' }
  await expect(ask('POST', `/api/inbox/${id}/act`, click)).rejects.toMatchObject({ field: 'href' })
  await expect(ask('GET', `/api/inbox/${id}/attachments/1`)).rejects.toMatchObject({ status: 404 })
})
