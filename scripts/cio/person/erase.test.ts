import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BigQuery } from '@google-cloud/bigquery'
import { type LocalBigQuery, startBigQuery } from '../../emulators/bigquery/index.ts'
import { deployWarehouse } from '../../local/deploy-warehouse.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

// Each command is a process of its own, and a busy machine takes its time to start one.
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
  const at = new Date(nowMs).toISOString()
  const json = { event_id: eventId, timestamp: at, received_at: at, person_id: person, person_email }
  const table = warehouse.dataset(stack.topology.bigquery.dataset).table('webhook_events')
  await table.insert([{ insertId: eventId, json }], { raw: true })
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
    await cio.run(['erase', '--id', 'aaa', '--email', 'aaa@x.com', '--yes'])
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
