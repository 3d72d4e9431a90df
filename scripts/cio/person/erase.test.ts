import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BigQuery } from '@google-cloud/bigquery'
import { hashOfPerson, parseHashRing } from '../../../shared/identity/index.ts'
import { type LocalBigQuery, startBigQuery } from '../../emulators/bigquery/index.ts'
import { deployWarehouse } from '../../local/deploy-warehouse.ts'
import { LOCAL_CREDENTIALS, type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(180_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-erase-test')
const BUFFER_MS = 90 * 60_000
let nowMs = Date.now()
let stack: Stack
let bigquery: LocalBigQuery
let warehouse: BigQuery
let cio: CommandLine

// The stores only, with a BigQuery whose streaming buffer is like Google's and whose clock is ours.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
  bigquery = await startBigQuery({ now: () => nowMs, streamingBufferMs: BUFFER_MS })
  warehouse = new BigQuery({ projectId: stack.endpoints.projectId, apiEndpoint: bigquery.url })
  await deployWarehouse(warehouse, stack.topology.bigquery, PROJECT_ROOT)
  const endpoints = { ...stack.endpoints, BIGQUERY_EMULATOR_HOST: bigquery.url }
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify(endpoints))
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
})

afterAll(async () => {
  await bigquery?.close()
  await stack?.close()
})

async function insert(eventId: string, person: string, person_email = `${person}@X.com`): Promise<void> {
  await insertRow({ event_id: eventId, person_id: person, person_email })
}

async function insertRow(row: { readonly event_id: string } & Record<string, unknown>): Promise<void> {
  const at = new Date(nowMs).toISOString()
  const json = { timestamp: at, received_at: at, ...row }
  const table = warehouse.dataset(stack.topology.bigquery.dataset).table('webhook_events')
  await table.insert([{ insertId: row.event_id, json }], { raw: true })
}

async function eventIds(): Promise<string[]> {
  const table = `\`${stack.topology.bigquery.dataset}.webhook_events\``
  const [rows] = await warehouse.query(`SELECT event_id FROM ${table} ORDER BY event_id`)
  return rows.map(({ event_id }) => event_id)
}

it('erases in two passes what the streaming buffer holds, and remembers nobody but by hashes meanwhile', async () => {
  await insert('old', 'gus')
  nowMs += BUFFER_MS + 10 * 60_000
  await insert('young', 'gus')
  await insert('of somebody else', 'ida')

  const first = await cio.run(['erase', '--id', 'gus', '--email', 'Gus@x.com', '--yes'])
  expect(first).toMatchObject({ code: 1, stdout: expect.stringContaining('webhook_events: 1 row deleted, 1 left') })
  expect(first.stderr).toContain('npx cio-gcp erase --resume')
  expect(await eventIds()).toEqual(['of somebody else', 'young'])
  const journal = join(directory, 'cio/erase')
  expect(
    readdirSync(journal)
      .map((file) => readFileSync(join(journal, file), 'utf8'))
      .join(),
  ).not.toMatch(/gus/i)

  nowMs += BUFFER_MS + 1
  const second = await cio.run(['erase', '--resume'])
  expect(second.stderr).toContain('Rows that came into the warehouse since then are not looked for')
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('webhook_events: 1 row deleted') })
  expect(await eventIds()).toEqual(['of somebody else'])
  expect(readdirSync(journal)).toEqual([])
  expect(stack.customerio.workspace.people.suppressed()).toEqual(['id:gus', 'email:gus@x.com'])
})

it('touches nothing when Customer.io cannot be told, and goes on when it can', async () => {
  await insert('of hal', 'hal')
  nowMs += BUFFER_MS + 1
  const order = stack.customerio.orders.add({ on: 'batch', fault: { do: 'answer', status: 503 } })
  const failed = await cio.run(['erase', '--id', 'hal', '--yes'])
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing else was changed') })
  expect(await eventIds()).toContain('of hal')
  expect(await cio.run(['erase', '--resume'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--id and --email'),
  })
  stack.customerio.orders.remove(order)
  expect(await cio.run(['erase', '--id', 'hal', '--yes'])).toMatchObject({ code: 0 })
  expect(await eventIds()).not.toContain('of hal')
})

it.each([
  ['no', 'n\n'],
  ['nothing, which is no', '\n'],
  ['Ctrl-C', '\u0003'],
])('asked at a terminal and answered %s, changes nothing', async (_, typed) => {
  await insert(`of nan ${JSON.stringify(typed)}`, 'nan')
  nowMs += BUFFER_MS + 1
  const before = [await eventIds(), stack.customerio.workspace.people.suppressed()]
  const ended = await cio.run(['erase', '--id', 'nan'], { typed })
  expect(ended).toMatchObject({ code: 3, stderr: expect.stringContaining('stopped at your answer') })
  expect(ended.stderr).toContain('Erase id nan from the local stack, and suppress them at Customer.io?')
  expect(ended.stderr).not.toContain('Done before that')
  expect([await eventIds(), stack.customerio.workspace.people.suppressed()]).toEqual(before)
})

it('asked at a terminal and answered yes, erases', async () => {
  await insert('of nat', 'nat')
  nowMs += BUFFER_MS + 1
  expect(await cio.run(['erase', '--id', 'nat'], { typed: 'y\n' })).toMatchObject({ code: 0 })
  expect(await eventIds()).not.toContain('of nat')
})

it('that fails midway says what was done, and finishes when it is run again', async () => {
  await insert('of oda', 'oda')
  nowMs += BUFFER_MS + 1
  const order = stack.customerio.orders.add({ on: 'batch', skip: 1, fault: { do: 'answer', status: 503 } })
  const failed = await cio.run(['erase', '--id', 'oda', '--email', 'oda@x.com', '--yes'])
  stack.customerio.orders.remove(order)
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Done before that: 1 name suppressed at Customer.io.'),
  })
  expect(await cio.run(['erase', '--id', 'oda', '--email', 'oda@x.com', '--yes'])).toMatchObject({ code: 0 })
  expect(await eventIds()).not.toContain('of oda')
})

describe('an erasure that was cut off', () => {
  const entries = () => readdirSync(join(directory, 'cio/erase'))

  it('keeps the names that Customer.io has forgotten meanwhile, when it is run again with one of them', async () => {
    const { people } = stack.customerio.workspace
    people.identify({ kind: 'id', value: 'ivy' }, { email: 'ivy@x.com' }, nowMs / 1_000)
    expect(people.find({ kind: 'id', value: 'ivy' })).toBeDefined()
    await insert('of ivy', 'ivy')
    await insert('by address only', 'nobody', 'Ivy@x.com')
    expect(await cio.run(['erase', '--id', 'ivy', '--yes'])).toMatchObject({ code: 1 })
    expect(people.find({ kind: 'id', value: 'ivy' })).toBeUndefined()
    nowMs += BUFFER_MS + 1
    expect(await cio.run(['erase', '--id', 'ivy', '--yes'])).toMatchObject({ code: 0 })
    expect(await eventIds()).not.toContain('by address only')
    expect(entries()).toEqual([])
  })

  it('before Customer.io was told, does not hold up the second pass over others, and wants all names again', async () => {
    await insert('of jon', 'jon')
    expect(await cio.run(['erase', '--id', 'jon', '--yes'])).toMatchObject({ code: 1 })
    const order = stack.customerio.orders.add({ on: 'batch', fault: { do: 'answer', status: 503 } })
    await cio.run(['erase', '--id', 'aaa', '--email', 'aaa@x.com', '--unknown', '--yes'])
    stack.customerio.orders.remove(order)
    expect(entries()).toHaveLength(2)
    nowMs += BUFFER_MS + 1
    expect(await cio.run(['erase', '--resume'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('webhook_events: 1 row deleted'),
      stderr: expect.stringContaining('1 erasure interrupted before the suppression at Customer.io'),
    })
    const one = await cio.run(['erase', '--id', 'aaa', '--yes'])
    expect(one).toMatchObject({ code: 1, stderr: expect.stringContaining('--id and --email') })
    expect(await cio.run(['erase', '--id', 'aaa', '--email', 'aaa@x.com', '--yes'])).toMatchObject({ code: 0 })
    expect(entries()).toEqual([])
  })
})

it('refuses an id and an address that belong to different people', async () => {
  const { people } = stack.customerio.workspace
  people.identify({ kind: 'id', value: 'kim' }, { email: 'kim@x.com' }, nowMs / 1_000)
  const [other, nobody] = [
    await cio.run(['erase', '--id', 'kim', '--email', 'typo@x.com', '--yes']),
    await cio.run(['erase', '--id', 'typo', '--email', 'kim@x.com', '--yes']),
  ]
  for (const ended of [other, nobody]) {
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('belong to different people') })
  }
  expect(people.find({ kind: 'id', value: 'kim' })).toBeDefined()
})

/** A dead letter of a topic; resolves to its id. */
async function deadLetter(topic: string, body: unknown, attributes: Record<string, string> = {}): Promise<string> {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return stack.client
    .topic(`${topic}-dead-letter`)
    .publishMessage({ data, attributes: { reason: 'refused', ...attributes } })
}

/** Ids of the dead letters that wait, with their bodies. */
function waiting(topic: string): Record<string, string> {
  const name = `projects/${stack.endpoints.projectId}/subscriptions/${topic}-dead-letter`
  const { backlog = [] } = stack.pubsub.snapshot().subscriptions.find(({ resource }) => resource.name === name) ?? {}
  return Object.fromEntries(backlog.map(({ message }) => [message.id, Buffer.from(message.data).toString()]))
}

describe('what is asked for by a name', () => {
  it('is that name and no other: an id with blanks around it is refused, and one that nobody has changes nothing', async () => {
    const before = stack.customerio.workspace.people.suppressed().length
    expect(await cio.run(['erase', '--id', ' zed', '--yes'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('blanks around it'),
    })
    expect(await cio.run(['erase', '--id', 'zedd', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody is known by id zedd: nothing was done'),
    })
    expect(await cio.run(['erase', '--phone', '030 1234', '--yes'])).toMatchObject({ code: 2 })
    expect(stack.customerio.workspace.people.suppressed()).toHaveLength(before)
  })

  it('takes no dead letter of a stranger, and of a message to several nothing without a decision', async () => {
    const stays = [
      await deadLetter('track', { identifiers: { id: 'stranger' }, name: 'x', attributes: { items: [{ id: '5' }] } }),
      await deadLetter('track', { identifiers: { email: 'joann@x.com' }, name: 'x' }),
    ]
    const goes = await deadLetter('track', { identifiers: { id: 5 }, name: 'x', attributes: { to: 'bob' } })
    const shared = await deadLetter('transactional', { channel: 'broadcast', broadcast_id: 1, ids: ['5', '6'] })
    const text = waiting('transactional')[shared]
    const first = await cio.run(['erase', '--id', '5', '--email', 'ann@x.com', '--yes'])
    expect(first).toMatchObject({ code: 1, stdout: expect.stringContaining(`to decide in transactional: ${shared}`) })
    expect(Object.keys(waiting('track')).sort()).toEqual([...stays].sort())
    expect(waiting('track')).not.toHaveProperty(goes)
    expect(waiting('transactional')).toEqual({ [shared]: text })
    // Asked again, it still says so; kept on purpose, it is finished.
    expect(await cio.run(['erase', '--resume'])).toMatchObject({ code: 1 })
    expect(await cio.run(['erase', '--resume', '--keep', shared])).toMatchObject({ code: 0 })
    expect(waiting('transactional')).toEqual({ [shared]: text })
    expect((await cio.run(['erase', '--resume'])).stdout).toContain('nothing is left to erase')
  })

  it('is found by phone number, in other spellings, with a display name, and in rows that name nobody', async () => {
    await insertRow({
      event_id: 'lea 1',
      person_id: 'lea',
      person_email: 'LEA@xn--bcher-kva.example',
      delivery_id: 'd1',
    })
    await insertRow({ event_id: 'lea 2', delivery_id: 'd1' })
    await insertRow({ event_id: 'lea 3', recipient: 'Lea <Lea@bücher.example>' })
    await insertRow({ event_id: 'lea 4', recipient: '+14155552671' })
    await insertRow({ event_id: 'lea 5', data: JSON.stringify({ identifiers: { phone: '+14155552671' } }) })
    await insertRow({ event_id: 'not lea 1', delivery_id: 'd1', person_id: 'mia' })
    await insertRow({ event_id: 'not lea 2', delivery_id: 'd2' })
    await insertRow({ event_id: 'not lea 3', recipient: 'Lea <mia@x.com>, Mia <lea@x.com>' })
    nowMs += BUFFER_MS + 1
    const ended = await cio.run([
      'erase',
      '--email',
      'Lea <lea@BÜCHER.example>',
      '--phone',
      '+1 (415) 555-2671',
      '--yes',
    ])
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('time travel') })
    expect((await eventIds()).filter((id) => id.includes('lea'))).toEqual(['not lea 1', 'not lea 2', 'not lea 3'])
  })
})

describe('a line of the record that waits as a dead letter', () => {
  const [key] = parseHashRing(LOCAL_CREDENTIALS.PERSON_HASH_KEYS) ?? []
  const hash = (id: string) => (key === undefined ? '' : hashOfPerson(key, { kind: 'id', value: id }))
  const line = (...ids: readonly string[]) => ({
    jsonPayload: { event: 'message', topic: 'track', message_id: '1', persons: ids.map(hash) },
  })

  it('is found and erased by its hashes; one that is about somebody else waits for a decision', async () => {
    const own = await deadLetter('message-outcomes', line('pia', 'quin'))
    const shared = await deadLetter('message-outcomes', line('quin', 'pia'))
    const others = await deadLetter('message-outcomes', line('quin'))
    expect(await cio.json(['access', '--id', 'pia'])).toMatchObject({
      deadLetters: [
        { id: own, source: 'message-outcomes', about: 'own', message: line('pia', 'quin') },
        { id: shared, about: 'shared' },
      ],
    })
    const ended = await cio.run(['erase', '--id', 'pia', '--yes'])
    expect(ended).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`to decide in message-outcomes: ${shared}`),
    })
    expect(Object.keys(waiting('message-outcomes')).sort()).toEqual([shared, others].sort())
    // By the hashes of the journal, without the name.
    expect(await cio.run(['erase', '--resume', '--also', shared])).toMatchObject({ code: 0 })
    expect(Object.keys(waiting('message-outcomes'))).toEqual([others])
  })
})

it('says that another process holds dead letters, and finishes only when it has seen them', async () => {
  await insert('of nell', 'nell')
  nowMs += BUFFER_MS + 1
  const id = await deadLetter('track', { identifiers: { id: 'nell' }, name: 'x' })
  const { v1 } = await import('@google-cloud/pubsub')
  const [servicePath = '', port] = stack.endpoints.PUBSUB_EMULATOR_HOST.split(':')
  const { credentials } = await import('@grpc/grpc-js')
  const subscriber = new v1.SubscriberClient({
    servicePath,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
  })
  const subscription = `projects/${stack.endpoints.projectId}/subscriptions/track-dead-letter`
  const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 100, returnImmediately: true })
  const ackIds = (receivedMessages ?? []).map(({ ackId }) => ackId ?? '')
  await subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 600 })
  for (const args of [
    ['erase', '--id', 'nell', '--yes'],
    ['erase', '--resume'],
  ]) {
    expect(await cio.run(args)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another process holds them'),
    })
  }
  expect(waiting('track')).toHaveProperty(id)
  await subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 })
  expect(await cio.run(['erase', '--resume'])).toMatchObject({ code: 0 })
  expect(waiting('track')).not.toHaveProperty(id)
  await subscriber.close()
})
