import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-replay-topic-test')
let stack: Stack
let cio: CommandLine
let from: string
const published: { topic: string; body: unknown; attributes: Readonly<Record<string, string>>; orderingKey: string }[] =
  []

// The stores only: what is replayed stays in its topic.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  stack.pubsub.events.on('published', ({ topic, data, attributes, orderingKey }) => {
    const name = topic.split('/').at(-1) ?? ''
    published.push({ topic: name, body: JSON.parse(data.toString()), attributes, orderingKey })
  })
})
afterAll(() => stack?.close())

beforeEach(async () => {
  // What an earlier test published is outside the window of this one.
  await new Promise((resolve) => setTimeout(resolve, 2))
  from = new Date().toISOString()
})

async function publish(
  topic: string,
  body: object,
  attributes: Record<string, string> = {},
  orderingKey = '',
): Promise<string> {
  const data = Buffer.from(JSON.stringify(body))
  const to = stack.client.topic(topic, { messageOrdering: true })
  const id = await to.publishMessage({ data, attributes, ...(orderingKey !== '' && { orderingKey }) })
  published.length = 0
  return id
}

let mappings = 0
function mappingOf(code: string): string {
  const file = join(directory, `fix-${++mappings}.mjs`)
  writeFileSync(file, `export default ${code}`)
  return file
}

const replayedTo = (topic: string) => published.filter((each) => each.topic === topic)
const temporary = () =>
  stack.pubsub
    .snapshot()
    .subscriptions.map(({ resource }) => resource.name ?? '')
    .filter((name) => name.includes('cio-replay'))

const event = (name: string, id = 'ada') => ({ identifiers: { id }, name, attributes: { total: 1 } })

async function replay(topic: string, ...options: readonly string[]) {
  const args = ['replay', topic, '--from', from, '--yes', '--rate', '5000', '--json', ...options]
  const ended = await cio.run(args)
  return { ...ended, result: ended.code === 0 ? JSON.parse(ended.stdout) : undefined }
}

describe('replay of a topic', () => {
  it('publishes again in the bulk lane, under the same key and time, and removes its subscriptions', async () => {
    const id = await publish('track', event('order_completed'), { traceparent: 't' })
    const { result } = await replay('track')
    expect(result).toMatchObject({ found: 1, replayed: 1, certainty: { hoped: 1 }, kinds: { event: 1 } })
    expect(replayedTo('track')).toEqual([
      expect.objectContaining({
        body: event('order_completed'),
        attributes: {
          traceparent: 't',
          source_message_id: id,
          source_publish_time: expect.stringMatching(/Z$/),
          replay_count: '1',
          lane: 'bulk',
        },
      }),
    ])
    expect(temporary()).toEqual([])
  })

  it('passes over what is itself a replay, and skips what breaks the contract', async () => {
    await publish('track', event('a'), { source_message_id: '1' })
    await publish('track', event('a'), { replay_count: '1' })
    await publish('track', { identifiers: { id: 'ada' } })
    const { result } = await replay('track')
    expect(result).toMatchObject({ found: 1, replayed: 0, skipped: { 'it breaks the contract': 1 } })
  })

  it('only counts with --dry-run', async () => {
    await publish('track', event('a'))
    const { result } = await replay('track', '--dry-run')
    expect(result).toMatchObject({ found: 1, replayed: 0, kinds: { event: 1 } })
    expect(replayedTo('track')).toEqual([])
    expect(temporary()).toEqual([])
  })

  it('takes what --where says', async () => {
    await publish('track', event('a'))
    await publish('track', event('b', 'grace'))
    await publish('track', event('b'))
    expect((await replay('track', '--where', 'event=b', '--where', 'person=id:grace')).result).toMatchObject({
      replayed: 1,
    })
    expect(await cio.run(['replay', 'track', '--from', from, '--where', 'evnt=b'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it must be one of person, event'),
    })
  })

  it('leaves out who has gone since, and what would undo newer state', async () => {
    const ada = { identifiers: { id: 'ada' }, attributes: { plan: 'pro' } }
    await publish('identify', ada, {}, 'id:ada')
    await publish('identify', { ...ada, identifiers: { id: 'grace' } }, {}, 'id:grace')
    await publish('track', event('a'))
    await publish('identify', { identifiers: { id: 'ada' }, action: 'suppress' }, {}, 'id:ada')
    const { result } = await replay('identify')
    expect(result).toMatchObject({
      replayed: 1,
      skipped: {
        'the person was deleted, suppressed or merged later': 1,
        'suppress: replayed by name only (--also suppress)': 1,
      },
    })
    expect(replayedTo('identify')).toEqual([
      expect.objectContaining({
        body: expect.objectContaining({ identifiers: { id: 'grace' } }),
        orderingKey: 'id:grace',
      }),
    ])
    expect((await replay('track')).result).toMatchObject({ replayed: 0 })
    expect((await replay('identify', '--also', 'suppress')).result).toMatchObject({ replayed: 2 })
  })

  it('leaves out a send without a record whose person Customer.io does not know', async () => {
    const send = { channel: 'email', transactional_message_id: 1, identifiers: { id: 'nobody' }, to: 'a@example.com' }
    await publish('transactional', send)
    const { result } = await replay('transactional')
    expect(result).toMatchObject({ found: 1, replayed: 0 })
    expect(Object.keys(result.skipped)).toEqual([expect.stringContaining('Customer.io knows no such person')])
  })
})

describe('--map', () => {
  it('changes exactly what the mapping changes, once however often it runs', async () => {
    const mapping = mappingOf('(m) => (m.attributes.total === 1 ? { ...m, attributes: { total: 100 } } : m)')
    await publish('track', event('a'), { idempotency_key: 'k' })
    await publish('track', { ...event('b'), attributes: { total: 2 } })
    const { result } = await replay('track', '--map', mapping)
    expect(result).toMatchObject({
      replayed: 1,
      skipped: { 'the mapping leaves it as it is': 1 },
      differences: [{ field: 'attributes.total', before: 1, after: 100 }],
    })
    const [first] = replayedTo('track')
    expect(first?.body).toEqual({ ...event('a'), attributes: { total: 100 } })
    expect(first?.attributes.idempotency_key).toMatch(/^replay:[0-9a-f]{64}$/)
    published.length = 0
    await replay('track', '--map', mapping)
    expect(replayedTo('track').map(({ attributes }) => attributes.idempotency_key)).toEqual([
      first?.attributes.idempotency_key,
    ])
  })

  it('sends of a person only what differs, at the present time', async () => {
    const mapping = mappingOf(
      '({ attributes: { frist_name, ...rest }, ...m }) => ({ ...m, attributes: { ...rest, first_name: frist_name } })',
    )
    const attributes = { frist_name: 'Ada', plan: 'pro' }
    await publish('identify', { identifiers: { id: 'ada2' }, attributes, timestamp: 1_700_000_000 }, {}, 'id:ada2')
    await replay('identify', '--map', mapping)
    const [{ body, attributes: own } = { body: {}, attributes: {} }] = replayedTo('identify')
    const changed = { frist_name: null, first_name: 'Ada', _update: true }
    expect(body).toEqual({ identifiers: { id: 'ada2' }, attributes: changed })
    expect(own).not.toHaveProperty('source_publish_time')
  })

  it('publishes nothing when it makes something that the topic does not take', async () => {
    const mapping = mappingOf('(m) => ({ ...m, nam: 1 })')
    await publish('track', event('a'))
    const ended = await replay('track', '--map', mapping)
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('breaks the contract') })
    expect(replayedTo('track')).toEqual([])
  })

  it('sends nothing again without --as-new', async () => {
    const ended = await replay('transactional', '--map', mappingOf('(m) => m'))
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('--as-new') })
  })
})

describe('a killed replay', () => {
  const journal = join(directory, 'cio', 'replay-topic-identify.ndjson')
  const update = (id: string) => publish('identify', { identifiers: { id }, attributes: { plan: 'pro' } })

  /** Kills a replay of `identify` at its first publish, and gives the subscription that it leaves. */
  async function killed(): Promise<string> {
    const args = ['replay', 'identify', '--from', from, '--yes', '--rate', '1', '--json']
    const { child, ended } = cio.start(args)
    while (replayedTo('identify').length === 0) await once(stack.pubsub.events, 'published')
    child.kill('SIGKILL')
    await ended
    const [left = ''] = temporary()
    return left.slice(left.lastIndexOf('/') + 1)
  }

  it('resumes, and leaves out who has gone since', async () => {
    for (const id of ['p1', 'p2', 'p3']) await update(id)
    await killed()
    const done = replayedTo('identify').map(({ body }) => JSON.stringify(body))
    for (const id of ['p1', 'p2', 'p3']) await publish('identify', { identifiers: { id }, action: 'suppress' })
    const { result } = await replay('identify', '--rate', '1')
    expect(done).toHaveLength(1)
    expect(result).toMatchObject({ replayed: 0, skipped: { 'the person was deleted, suppressed or merged later': 3 } })
    expect(replayedTo('identify')).toEqual([])
    expect(temporary()).toEqual([])
  })

  it('reads everything when it was killed between making its subscription and seeking it', async () => {
    for (const id of ['q1', 'q2']) await update(id)
    const name = await killed()
    const [{ labels }] = await stack.client.subscription(name).getMetadata()
    await stack.client.subscription(name).delete()
    await stack.client.topic('identify').createSubscription(name, labels ? { labels } : {})
    const [, first = ''] = readFileSync(journal, 'utf8').split('\n')
    writeFileSync(journal, `${first}\n`)
    published.length = 0
    expect((await replay('identify', '--rate', '1')).result).toMatchObject({ replayed: 2, alreadyReplayed: 0 })
    expect(temporary()).toEqual([])
  })

  it('is given up by one with other options, which removes all that it read with', async () => {
    for (const id of ['r1', 'r2']) await update(id)
    const name = await killed()
    await stack.client.topic('identify').createSubscription(`${name}-scan`)
    const { result, stderr } = await replay('identify', '--where', 'person=id:r1')
    expect(stderr).toContain('with other options is given up')
    expect(result).toMatchObject({ replayed: 1, alreadyReplayed: 0 })
    expect(temporary()).toEqual([])
  })

  it('on another machine stops a replay of the same topic, and not its dry run', async () => {
    await publish('track', event('a'))
    const [other] = await stack.client.topic('track').createSubscription('cio-replay-track-1700000000000')
    const ended = await replay('track')
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'another machine has been replaying the topic track since 2023-11-14T22:13:20.000Z',
      ),
    })
    expect(ended.stderr).toContain('gcloud pubsub subscriptions delete cio-replay-track-1700000000000')
    expect(replayedTo('track')).toEqual([])
    expect((await replay('track', '--dry-run')).result).toMatchObject({ found: 1 })
    await other.delete()
    expect((await replay('track')).result).toMatchObject({ replayed: 1 })
  })
})

it.each([
  [['nowhere', '--from', '2026-01-01T00:00:00Z'], 'there is no topic nowhere'],
  [['track', '--from', 'yesterday'], 'a time with its zone'],
  [['track', '--from', '2020-01-01T00:00:00Z'], 'the topic keeps messages for 7 days'],
])('refuses %j', async (args, words) => {
  expect(await cio.run(['replay', ...args])).toMatchObject({ code: 2, stderr: expect.stringContaining(words) })
})
