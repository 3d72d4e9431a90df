import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

jest.setTimeout(180_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-quarantine-test')
const now = Math.floor(Date.now() / 1_000)
let stack: Stack
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: ['webhook', 'warehouse'] })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
})
afterAll(() => stack?.close())

const rows = async (table: string) => (await stack.warehouse.query(`SELECT * FROM customerio.${table}`))[0]

/** Publishes a webhook as the webhook function does, and waits until the warehouse has it. */
async function receive(body: object): Promise<string> {
  const attributes = { received_at: new Date().toISOString(), signature_timestamp: String(now) }
  const id = await stack.client.topic('webhook-events').publishMessage({ json: body, attributes })
  await settled()
  return id
}

async function settled(): Promise<void> {
  const name = `projects/${stack.endpoints.projectId}/subscriptions/warehouse`
  while (stack.pubsub.stats(name).outstanding > 0) await once(stack.pubsub.events, 'acknowledged')
}

const about = (fields: object) => ({
  object_type: 'customer',
  metric: 'cio_subscription_preferences_changed',
  timestamp: now,
  ...fields,
})

it('has nothing to say of an empty quarantine', async () => {
  expect(await cio.run(['quarantine', 'list'])).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('error'),
    stdout: 'the quarantine is empty\n',
  })
  expect(await cio.run(['quarantine', 'replay'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('0 webhooks'),
  })
})

it('shows what is there, and replays what is understood by now', async () => {
  const content = { topics: { topic_1: false }, moods: { glad: true } }
  const unknown = await receive(about({ event_id: 'q1', data: { identifiers: { id: 'ada' }, content } }))
  // As an earlier release kept it, which knew no milliseconds.
  const data = { identifiers: { id: 'bob' } }
  const body = JSON.stringify({ ...about({ event_id: 'q2', data }), metric: 'unsubscribed', timestamp: now * 1_000 })
  await stack.warehouse
    .dataset('customerio')
    .table('webhook_quarantine')
    .insert([
      {
        received_at: new Date((now - 60) * 1_000).toISOString(),
        reason: 'timestamp_out_of_range',
        event_id: 'q2',
        object_type: 'customer',
        metric: 'unsubscribed',
        message_id: '17',
        signature_timestamp: String(now),
        body: Buffer.from(body),
      },
    ])

  const listed = await cio.run(['quarantine', 'list'])
  expect(listed.stdout).toMatch(new RegExp(`${unknown} .*preferences_not_understood.*\n17 .*timestamp_out_of_range`))
  expect(listed.stdout).not.toMatch(/ada|moods/)
  expect((await cio.run(['quarantine', 'list', '--reason', 'too_deep'])).stdout).toBe('the quarantine is empty\n')
  expect(await cio.run(['quarantine', 'list', '--reason', 'to_deep'])).toMatchObject({ code: 2 })
  expect((await cio.run(['quarantine', 'show', unknown])).stdout).toContain('"moods":{"glad":true}')
  expect(await cio.run(['quarantine', 'show', '99'])).toMatchObject({ code: 1, stderr: expect.stringContaining('99') })

  const dry = await cio.run(['quarantine', 'replay', '--dry-run'])
  expect(dry.stdout).toContain('1 webhook would be replayed, 1 would stay')
  expect(await cio.run(['quarantine', 'replay'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
  await settled()
  expect((await rows('subscription_changes')).map(({ event_id }) => event_id)).toEqual(['q1'])

  expect(await cio.run(['quarantine', 'replay', '--yes'])).toMatchObject({
    code: 0,
    stdout: '1 webhook replayed, 1 still not understood\n',
  })
  await settled()
  const changes = await rows('subscription_changes')
  expect(changes.find(({ event_id }) => event_id === 'q2')).toMatchObject({ person_id: 'bob', subscribed: false })
  expect((await rows('webhook_quarantine')).map(({ message_id }) => message_id)).toContain(unknown)
})
