import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Firestore } from '@google-cloud/firestore'
import fc from 'fast-check'
import { z } from 'zod'
import {
  type HashRing,
  hashesOfPersons,
  type Identifier,
  parseHashRing,
  recordedPersons,
} from '../../../shared/identity/index.ts'
import { createFirestoreSendLedger, messageHashes, personHashes } from '../../../shared/ledger/index.ts'
import { decodeWebhookEvent } from '../../../shared/warehouse/index.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'
import { type Made, made, people } from '../testing/population.ts'
import { namesOf, type Person } from './person.ts'

/**
 * `access` and `erase` as commands over random stores: dead letters of every topic, rows of every table, records of the
 * ledger made with every key. The oracle is who each thing was made for.
 */

jest.setTimeout(300_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-stores-test')
const OLD_KEY = 'an older key of thirty-two characters'
const RUNS = 6
const AT = '2026-11-20T10:00:00.000Z'
let stack: Stack
let cio: CommandLine
let firestore: Firestore
let ring: HashRing
/** BigQuery would take a row with the id of one before for the same. */
let runs = 0

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const [host, port] = stack.endpoints.FIRESTORE_EMULATOR_HOST.split(':')
  const databaseId = stack.topology.ledger.database
  firestore = new Firestore({ projectId: stack.endpoints.projectId, databaseId, host, port: Number(port), ssl: false })
  const secret = join(stack.endpoints.secrets, 'PERSON_HASH_KEYS')
  writeFileSync(secret, `${readFileSync(secret, 'utf8').trim()}\n${OLD_KEY}`)
  const keys = parseHashRing(readFileSync(secret, 'utf8'))
  if (keys === undefined) throw new Error('there are no keys')
  ring = keys
})
afterAll(async () => {
  await firestore?.terminate()
  await stack?.close()
})

/** A thing in a store, and whose it is. */
interface Thing {
  readonly id: string
  readonly own: readonly number[]
  readonly shared: readonly number[]
  /** Whose name stands in a body that keeps no contract. */
  readonly perhaps: readonly number[]
}

/** A webhook that names a person by some of their names, or by their delivery only. */
const webhook = fc.record({
  index: fc.nat({ max: people.length - 1 }),
  by: fc.constantFrom<'id' | 'email' | 'cio_id' | 'recipient' | 'delivery'>(
    'id',
    'email',
    'cio_id',
    'recipient',
    'delivery',
  ),
  metric: fc.constantFrom('sent', 'opened', 'unsubscribed'),
})
const isSend = ({ topic, body }: Made) => topic === 'transactional' && body.channel !== 'broadcast'
const isOfPopulation = ({ body }: Made) => !isDeepStrictEqual(body.identifiers, { id: 'nobody' })
/** To one person, or in equal parts to several. */
const send = fc.oneof(
  made.filter(isSend),
  made.filter((each) => isSend(each) && each.shared.length > 0),
)
const world = fc.record({
  deadLetters: fc.array(made, { minLength: 4, maxLength: 12 }),
  broken: fc.array(fc.nat({ max: people.length - 1 }), { maxLength: 3 }),
  webhooks: fc.array(webhook, { minLength: 4, maxLength: 12 }),
  quarantined: fc.array(made, { maxLength: 4 }),
  sends: fc.array(fc.tuple(send, fc.constantFrom(0, 1)), { minLength: 2, maxLength: 12 }),
  // About the person by whom they are identified; in the others it is a stranger.
  lines: fc.array(fc.tuple(send.filter(isOfPopulation), fc.constantFrom(0, 1)), { maxLength: 4 }),
  chosen: fc.nat({ max: people.length - 1 }),
  given: fc.constantFrom<readonly ('id' | 'email' | 'phone')[]>(['id'], ['email'], ['id', 'email'], ['id', 'phone']),
})
type World = typeof world extends fc.Arbitrary<infer W> ? W : never

function personAt(index: number): Person {
  const person = people[index]
  const cioId = stack.customerio.workspace.people.find({ kind: 'id', value: person?.id ?? '' })?.cioId
  if (person === undefined || cioId === undefined) throw new RangeError(`nobody has the index ${index}`)
  return { ...person, cioId }
}

/** The text of a message, with the `cio_id`s that these people have at Customer.io. */
function textOf(body: object): string {
  return JSON.stringify(body).replaceAll(/"cio_id":"c(1+)"/g, (_, ones: string) =>
    JSON.stringify({ cio_id: personAt(ones.length - 1).cioId }).slice(1, -1),
  )
}

async function emptied(): Promise<void> {
  const { workspace } = stack.customerio
  workspace.clear()
  for (const { id, email, phone } of people) workspace.people.identify({ kind: 'id', value: id }, { email, phone }, 1)
  for (const topic of ['identify', 'track', 'transactional', 'warehouse', 'message-outcomes']) {
    await stack.client.subscription(`${topic}-dead-letter`).seek(new Date(Date.now() + 60_000))
  }
  for (const name of Object.keys(stack.topology.bigquery.tables)) {
    await stack.warehouse.query(`DELETE FROM \`${stack.topology.bigquery.dataset}.${name}\` WHERE TRUE`)
  }
  const records = firestore.collection(stack.topology.ledger.collection)
  for (const { ref } of (await records.get()).docs) await ref.delete()
}

async function deadLetter(topic: string, text: string): Promise<string> {
  const source = topic === 'webhook-events' ? 'warehouse' : topic
  return stack.client
    .topic(`${source}-dead-letter`)
    .publishMessage({ data: Buffer.from(text), attributes: { reason: 'exhausted' } })
}

async function putDeadLetters({ deadLetters, broken }: World): Promise<readonly Thing[]> {
  const things: Thing[] = []
  for (const { topic, body, own, shared } of deadLetters) {
    things.push({ id: await deadLetter(topic, textOf(body)), own, shared, perhaps: [] })
  }
  for (const index of broken) {
    const body = { identifiers: { email: people[index]?.email }, nam: 'no event' }
    things.push({ id: await deadLetter('track', textOf(body)), own: [], shared: [], perhaps: [index] })
  }
  return things
}

async function insert(table: string, rows: readonly { readonly insertId: string; readonly json: object }[]) {
  const target = stack.warehouse.dataset(stack.topology.bigquery.dataset).table(table)
  if (rows.length > 0) await target.insert([...rows], { raw: true })
}

/** Rows as the warehouse function makes them of webhooks; the thing's id is the `event_id`, which all its rows have. */
async function putRows({ webhooks, quarantined }: World): Promise<readonly Thing[]> {
  const things: Thing[] = []
  for (const [number, { index, by, metric }] of webhooks.entries()) {
    const { id, email, cioId } = personAt(index)
    const names = { id: { id }, email: { email: email?.toUpperCase() }, cio_id: { cio_id: cioId } }
    const event = {
      event_id: `event ${runs} ${number}`,
      object_type: 'email',
      metric,
      timestamp: Date.parse(AT) / 1_000,
      data: {
        delivery_id: `delivery of ${index}`,
        ...(by === 'recipient' && { recipient: `Else <${email}>` }),
        ...(by !== 'recipient' && by !== 'delivery' && { identifiers: names[by] }),
      },
    }
    const data = Buffer.from(JSON.stringify(event))
    const attributes = { object_type: 'email', metric, event_id: event.event_id }
    const decoded = decodeWebhookEvent({ data, attributes, messageId: String(number), publishTime: AT }, Date.parse(AT))
    if (!decoded.ok) throw new Error(decoded.error)
    for (const row of decoded.value.rows) await insert(row.table, [row])
    // A delivery belongs to whoever another row of it names.
    const isNamed = webhooks.some((other) => other.index === index && other.by !== 'delivery')
    things.push({ id: event.event_id, own: by === 'delivery' && !isNamed ? [] : [index], shared: [], perhaps: [] })
  }
  const kept = quarantined.filter(({ topic }) => topic === 'webhook-events')
  for (const [number, { body, own }] of kept.entries()) {
    const id = `quarantined ${runs} ${number}`
    const row = {
      message_id: id,
      received_at: AT,
      reason: 'contract',
      body: Buffer.from(textOf(body)).toString('base64'),
    }
    await insert('webhook_quarantine', [{ insertId: id, json: row }])
    things.push({ id, own, shared: [], perhaps: [] })
  }
  return things
}

/** Records as `transactional` makes them, with either key of the ring. */
async function putRecords({ sends }: World): Promise<readonly Thing[]> {
  const ledger = createFirestoreSendLedger({ firestore, collection: stack.topology.ledger.collection })
  const things: Thing[] = []
  for (const [number, [{ body, own, shared }, which]] of sends.entries()) {
    const key = ring[which]
    if (key === undefined) throw new RangeError(`there is no key ${which}`)
    const text = textOf(body)
    const persons = recordedPersons('transactional', JSON.parse(text))
    const id = `record ${number}`
    await ledger.create(id, {
      state: 'sent',
      owner: 'test',
      leaseMs: 1_000,
      hashes: messageHashes([key], { published: text, parsed: text, persons }).own,
      channel: String(body.channel),
      template: null,
      claimedAtMs: 'request_time',
      deliveryId: null,
      expiresAtMs: Date.parse(AT) + 45 * 86_400_000,
    })
    things.push({ id, own, shared, perhaps: [] })
  }
  return things
}

/** Lines of the record that could not be stored, as Cloud Logging publishes them. */
async function putLines({ lines }: World): Promise<readonly Thing[]> {
  const things: Thing[] = []
  for (const [{ body, own, shared }, which] of lines) {
    const key = ring[which]
    if (key === undefined) throw new RangeError(`there is no key ${which}`)
    const persons = hashesOfPersons(key, recordedPersons('transactional', JSON.parse(textOf(body))))
    const jsonPayload = { event: 'message', topic: 'transactional', message_id: '1', hash_key: key.id, persons }
    things.push({ id: await deadLetter('message-outcomes', JSON.stringify({ jsonPayload })), own, shared, perhaps: [] })
  }
  return things
}

/** The rows of the record of these sends, as the function's log line becomes them. */
async function putOutcomes({ sends }: World): Promise<readonly Thing[]> {
  const rows = sends.flatMap(([{ body }, which], number) => {
    const key = ring[which]
    if (key === undefined) return []
    const persons = hashesOfPersons(key, recordedPersons('transactional', JSON.parse(textOf(body))))
    return [
      {
        ...{ publish_time: AT, ended_at: AT, function: 'transactional', topic: 'transactional', outcome: 'delivered' },
        ...{ final: true, message_id: `outcome ${number}`, hash_key: key.id, person: persons[0], persons },
      },
    ]
  })
  const { projectId } = stack.endpoints
  const table = `${projectId}.${stack.topology.bigquery.dataset}.message_outcomes`
  expect(await stack.bigquery.append(table, rows, { dropUnknown: false })).toEqual(new Map())
  return sends.map(([{ own, shared }], number) => ({ id: `outcome ${number}`, own, shared, perhaps: [] }))
}

/** Everything in the stores, each thing as text by its id. */
async function contents(): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (const { resource, backlog } of stack.pubsub.snapshot().subscriptions) {
    if (!resource.name?.endsWith('-dead-letter')) continue
    for (const { message } of backlog) {
      all.set(message.id, JSON.stringify([resource.name, message.attributes, Buffer.from(message.data).toString()]))
    }
  }
  for (const name of Object.keys(stack.topology.bigquery.tables)) {
    const [rows] = await stack.warehouse.query(
      `SELECT * FROM \`${stack.topology.bigquery.dataset}.${name}\` WHERE TRUE`,
    )
    for (const row of rows) {
      const key =
        name === 'message_outcomes'
          ? `${row.outcome === 'erased' ? 'erased ' : ''}${row.message_id ?? row.note}`
          : `${name} ${row.message_id ?? row.event_id} ${JSON.stringify(row)}`
      all.set(key, JSON.stringify(row))
    }
  }
  const { docs } = await firestore.collection(stack.topology.ledger.collection).get()
  for (const document of docs) all.set(document.id, JSON.stringify(document.data()))
  for (const person of stack.customerio.workspace.people.all()) {
    all.set(`at Customer.io ${person.identifiers.id}`, JSON.stringify(person.attributes.toObject()))
  }
  return all
}

const accessSchema = z.looseObject({
  deadLetters: z.array(z.looseObject({ id: z.string(), about: z.string() })),
  warehouse: z.record(
    z.string(),
    z.array(z.looseObject({ event_id: z.string().nullish(), message_id: z.string().optional() })),
  ),
  sendLedger: z.array(z.looseObject({ id: z.string() })),
})

/** What `access` finds, as ids of things: dead letters with what they have to do with the person. */
async function found(...names: readonly string[]): Promise<readonly string[]> {
  const { deadLetters, warehouse, sendLedger } = accessSchema.parse(await cio.json(['access', ...names]))
  const rows = Object.values(warehouse).flat()
  return [
    ...deadLetters.map(({ id, about }) => `${about} ${id}`),
    ...new Set(rows.map(({ event_id, message_id }) => `row ${message_id ?? event_id}`)),
    ...sendLedger.map(({ id }) => id),
  ].toSorted()
}

const relationTo = (chosen: number, { own, shared, perhaps }: Thing) =>
  own.includes(chosen) ? 'own' : shared.includes(chosen) ? 'shared' : perhaps.includes(chosen) ? 'perhaps' : undefined

it('access finds what is theirs, erase leaves nothing that access would find, and nobody else is touched', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (drawn) => {
      runs += 1
      await emptied()
      const { chosen, given } = drawn
      const messages = await putDeadLetters(drawn)
      const letters = [...messages, ...(await putLines(drawn))]
      const rows = await putRows(drawn)
      const records = await putRecords(drawn)
      const outcomes = await putOutcomes(drawn)
      const person = personAt(chosen)
      const names = given.flatMap((kind) => [`--${kind}`, person[kind] ?? ''])
      const before = await contents()

      const theirs = letters.flatMap((thing) => {
        const relation = relationTo(chosen, thing)
        return relation === undefined ? [] : [`${relation} ${thing.id}`]
      })
      const expected = [
        ...theirs,
        ...rows.filter((thing) => relationTo(chosen, thing) === 'own').map(({ id }) => `row ${id}`),
        ...records.filter((thing) => relationTo(chosen, thing) !== undefined).map(({ id }) => id),
        ...outcomes.filter((thing) => relationTo(chosen, thing) !== undefined).map(({ id }) => `row ${id}`),
      ].toSorted()
      expect(await found(...names)).toEqual(expected)

      const erased = await cio.run(['erase', ...names, '--yes'])
      const undecided = theirs.filter((each) => !each.startsWith('own'))
      expect({ code: erased.code, asks: erased.stderr.includes('to decide about') }).toEqual(
        undecided.length > 0 ? { code: 1, asks: true } : { code: 0, asks: false },
      )
      expect(await found('--id', person.id ?? '', '--email', person.email ?? '')).toEqual(undecided.toSorted())

      await recorded()
      const after = await contents()
      const gone = [...before.keys()].filter((id) => !after.has(id))
      const told = [...after.keys()].filter((id) => id.startsWith('erased '))
      const isOf = (things: readonly Thing[]) => gone.filter((id) => things.some((thing) => thing.id === id))
      const stores = ['message_outcomes', 'send_ledger', 'subscription_changes', 'webhook_events', 'webhook_quarantine']
      expect(told.filter((id) => !stores.includes(id.slice(7))).toSorted()).toEqual(
        isOf([...messages, ...outcomes])
          .map((id) => `erased ${id}`)
          .toSorted(),
      )
      if (isOf(records).length > 0) expect(told).toContain('erased send_ledger')
      for (const id of told) {
        expect(JSON.parse(after.get(id) ?? '')).toMatchObject({
          key_hash: null,
          hash_key: null,
          person: null,
          persons: [],
        })
        after.delete(id)
      }
      const isTheirs = (id: string) =>
        theirs.includes(`own ${id}`) ||
        id === `at Customer.io ${person.id}` ||
        [...rows, ...records, ...outcomes].some(
          (thing) => relationTo(chosen, thing) === 'own' && (id === thing.id || id.includes(`${thing.id} {`)),
        )
      expect(gone.filter((id) => !isTheirs(id))).toEqual([])
      for (const [id, text] of after) {
        const record = [...records, ...outcomes].find((thing) => thing.id === id)
        if (record === undefined || relationTo(chosen, record) === undefined)
          expect([id, text]).toEqual([id, before.get(id)])
        else expectOnlyTheirHashesGone(person, text, before.get(id) ?? '')
      }
    }),
    // To shrink would take minutes.
    { numRuns: RUNS, endOnFailure: true },
  )
})

/** Until what was published about the erasure is in the table. */
async function recorded(): Promise<void> {
  const subscription = `projects/${stack.endpoints.projectId}/subscriptions/message-outcomes`
  while (stack.pubsub.stats(subscription).outstanding > 0) await once(stack.pubsub.events, 'acknowledged')
}

function expectOnlyTheirHashesGone(person: Person, after: string, before: string): void {
  const names: readonly Identifier[] = namesOf(person)
  const theirs = new Set(names.flatMap((name) => personHashes(ring, name).map(({ hash }) => hash)))
  const without = JSON.parse(before)
  without.persons = without.persons.filter((hash: string) => !theirs.has(hash))
  expect(JSON.parse(after)).toEqual(without)
}
