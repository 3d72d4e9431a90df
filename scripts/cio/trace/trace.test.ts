import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Firestore } from '@google-cloud/firestore'
import {
  type HashKey,
  hashOfMessageKey,
  hashOfPerson,
  identifierOf,
  parseHashRing,
} from '../../../shared/identity/index.ts'
import { createFirestoreSendLedger, hashOf, messageHashes } from '../../../shared/ledger/index.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

/** `trace` over stores that hold what the functions of a busy day would have left there. */

jest.setTimeout(120_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-trace-test')
const OLD_KEY = 'an older key of thirty-two characters'
const T = Date.now() - 3_600_000
let stack: Stack
let cio: CommandLine
let firestore: Firestore
/** Now, and before it was rotated. */
let current: HashKey
let former: HashKey

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
  const [first, second] = parseHashRing(readFileSync(secret, 'utf8')) ?? []
  if (first === undefined || second === undefined) throw new Error('there are no two keys')
  current = first
  former = second
  stack.customerio.workspace.people.identify({ kind: 'id', value: 'ada' }, { email: 'ada@example.com' }, 1)
  await tellOfTheDay()
})
afterAll(async () => {
  await firestore?.terminate()
  await stack?.close()
})

async function insert(table: string, ...rows: readonly object[]): Promise<void> {
  const target = stack.warehouse.dataset(stack.topology.bigquery.dataset).table(table)
  await target.insert(
    rows.map((json) => ({ json })),
    { raw: true },
  )
}

const iso = (afterMs: number): string => new Date(T + afterMs).toISOString()

/** A row of the record: an attempt, by default one that Customer.io accepted. */
function outcome(
  message_id: string,
  endedMs: number,
  more: Record<string, unknown>,
  hashKey = current,
  key = `message:${message_id}`,
) {
  return {
    ...{ publish_time: iso(0), ended_at: iso(endedMs), function: 'transactional', topic: 'transactional', message_id },
    ...{ attempt: 1, outcome: 'delivered', final: true, channel: 'email', template: '3' },
    ...{ hash_key: hashKey.id, key_hash: hashOfMessageKey(hashKey, key) },
    ...more,
  }
}

function personsIn(hashKey: HashKey, names: Readonly<Record<'id' | 'email' | 'phone', string>>) {
  const hashes = (['id', 'email', 'phone'] as const).flatMap((kind) => {
    const name = identifierOf(kind, names[kind])
    return name === undefined ? [] : [hashOfPerson(hashKey, name)]
  })
  return { person: hashes[0], persons: hashes }
}

const webhook = (event_id: string, delivery_id: string, seconds: number, metric: string, more: object = {}) => ({
  ...{
    event_id,
    timestamp: iso(seconds * 1_000),
    received_at: iso(seconds * 1_000 + 500),
    object_type: 'email',
    metric,
  },
  ...{ delivery_id, data: '{}', ...more },
})

async function record(key: string, state: 'sent' | 'uncertain', deliveryId: string | null): Promise<void> {
  const ledger = createFirestoreSendLedger({ firestore, collection: stack.topology.ledger.collection })
  const { own } = messageHashes([current], { published: key, parsed: key, persons: [] })
  await ledger.create(hashOf(key), {
    ...{ state, owner: 'test', leaseMs: 1, hashes: own, channel: 'email', template: '3', claimedAtMs: 'request_time' },
    ...{ deliveryId, expiresAtMs: Date.now() + 86_400_000 },
  })
}

const ADA = { id: 'ada', email: 'ADA@example.com', phone: '+1 415 555 2671' }
/** Pub/Sub's id of the uncertain send's dead letter. */
let uncertain = ''

async function tellOfTheDay(): Promise<void> {
  const failed = { outcome: 'retry', final: false, reason: 'server_error', cause: 'transient', http_status: 503 }
  await insert(
    'message_outcomes',
    // A receipt: a retry, then accepted, after which the ring was rotated.
    outcome('1001', 300, { ...failed, ...personsIn(former, ADA) }, former, 'publisher:receipt-1'),
    outcome('1001', 900, { attempt: 2, delivery_id: 'd1', ...personsIn(former, ADA) }, former, 'publisher:receipt-1'),
    // The same line twice, as Pub/Sub may deliver it.
    outcome('1001', 900, { attempt: 2, delivery_id: 'd1', ...personsIn(former, ADA) }, former, 'publisher:receipt-1'),
    // An order of hers, after it.
    outcome('1002', 5_000, {
      ...{ publish_time: iso(4_900), topic: 'track', function: 'track', channel: null, template: null },
      ...{ action: 'event', event_name: 'order_completed', batch_size: 8, batch_position: 2, request_ms: 90 },
      ...personsIn(current, ADA),
    }),
    // Refused, replayed by an operator under the same key, accepted.
    outcome(
      '1003',
      10_000,
      { publish_time: iso(9_000), outcome: 'refused', reason: 'refused', http_status: 400 },
      current,
      'publisher:k3',
    ),
    outcome(
      '1003',
      20_000,
      { function: 'cio-gcp', publish_time: iso(20_000), action: 'replay', outcome: 'replayed' },
      current,
      'publisher:k3',
    ),
    outcome(
      '1004',
      21_000,
      { publish_time: iso(20_500), source_message_id: '1003', delivery_id: 'd3' },
      current,
      'publisher:k3',
    ),
    // Of somebody else.
    outcome('1005', 22_000, { ...personsIn(current, { id: 'bob', email: 'bob@example.com', phone: '+14155550000' }) }),
    outcome(
      '1006',
      30_000,
      { publish_time: iso(29_000), outcome: 'refused', reason: 'uncertain' },
      current,
      'publisher:k6',
    ),
  )
  await insert(
    'webhook_events',
    webhook('e1', 'd1', 1, 'sent', { person_id: 'ada', transactional_message_id: 3 }),
    webhook('e2', 'd1', 2, 'delivered', { person_id: 'ada' }),
    webhook('e2', 'd1', 2, 'delivered', { person_id: 'ada' }),
    webhook('e3', 'd1', 62, 'opened', { person_id: 'ada' }),
    webhook('e4', 'd9', 100, 'sent', { person_email: 'Ada@Example.com', campaign_id: 21, campaign_name: 'Welcome' }),
    webhook('e5', 'd9', 101, 'bounced', { person_email: 'Ada@Example.com', failure_message: '550 no such user' }),
    webhook('e6', 'd8', 102, 'sent', { person_id: 'bob' }),
  )
  await record('publisher:receipt-1', 'sent', 'd1')
  await record('publisher:k6', 'uncertain', null)
  const message = { channel: 'email', transactional_message_id: 3, to: 'eve@example.com', identifiers: { id: 'eve' } }
  uncertain = await stack.client.topic('transactional-dead-letter').publishMessage({
    data: Buffer.from(JSON.stringify(message)),
    attributes: {
      ...{ idempotency_key: 'k6', source_message_id: '1006', source_publish_time: iso(29_000) },
      ...{ reason: 'uncertain', error: 'gave no answer', delivery_attempt: '1' },
    },
  })
}

interface Journey {
  readonly title: string
  readonly state: string
  readonly final: boolean
  readonly messageIds: readonly string[]
  readonly deliveryIds: readonly string[]
  readonly ending: string
  readonly lines: readonly { readonly source: string; readonly text: string }[]
}
const journeys = async (...args: readonly string[]) => (await cio.json(['trace', ...args])) as Journey[]
const textsOf = (journey: Journey | undefined) => journey?.lines.map(({ source, text }) => `${source}: ${text}`)
const titles = (found: readonly Journey[]) => found.map(({ title }) => title)

const RECEIPT = [
  'record: published to transactional, as message 1001',
  'record: attempt 1: Customer.io had an error of its own, HTTP 503; Pub/Sub delivers it again',
  'record: attempt 2: accepted by Customer.io, as delivery d1',
  'webhooks: sent, delivery d1',
  'webhooks: delivered',
  'webhooks: opened',
]

describe('one message', () => {
  it.each([
    ['its id', '--message', '1001'],
    ['its key, also by one of before the rotation', '--key', 'receipt-1'],
    ['its delivery', '--delivery', 'd1'],
  ])('is found by %s, with all that is known of it', async (_, option, value) => {
    const [journey, ...others] = await journeys(option, value)
    expect(others).toEqual([])
    expect(journey).toMatchObject({ title: 'transactional: email, template 3', state: 'accepted', final: true })
    expect(journey?.ending).toBe('accepted by Customer.io; then sent, delivered, opened')
    // The ledger's record was made now, and not an hour ago.
    const ofLedger = ['ledger: claimed: a function may be sending it', 'ledger: sent, as delivery d1']
    expect(textsOf(journey)).toEqual([...RECEIPT, ...ofLedger])
  })

  it('tells how long Customer.io holds it, unless that was over when it accepted it', async () => {
    await insert(
      'message_outcomes',
      outcome('1011', 900, { delivery_id: 'd11', send_at: iso(3_600_000) }),
      outcome('1012', 900, { delivery_id: 'd12', send_at: iso(-60_000) }),
      outcome('1013', 900, { delivery_id: 'd13', queue_draft: true }),
    )
    const endings = await Promise.all(['1011', '1012', '1013'].map((id) => journeys('--message', id)))
    expect(endings.map(([journey]) => journey?.ending)).toEqual([
      `accepted by Customer.io, to be sent at ${iso(3_600_000).replace(/\.\d+Z/, 'Z')}`,
      'accepted by Customer.io; no webhook about it so far',
      'accepted by Customer.io as a draft, which waits for somebody to send it',
    ])
  })

  it('is one journey over its replay', async () => {
    const [byFirst] = await journeys('--message', '1003')
    expect(textsOf(byFirst)).toEqual([
      'record: published to transactional, as message 1003',
      'record: attempt 1: refused: dead-lettered, reason refused, HTTP 400',
      'record: an operator replayed it',
      'record: published again to transactional, as message 1004',
      'record: attempt 1: accepted by Customer.io, as delivery d3',
    ])
    expect(byFirst).toMatchObject({ state: 'accepted', final: false })
    expect(await journeys('--message', '1004')).toEqual([byFirst])
  })

  it('that is uncertain says what the ledger and its dead letter say, and leaves the dead letter where it is', async () => {
    const [journey] = await journeys('--message', '1006')
    expect(textsOf(journey)?.toSorted()).toEqual([
      `dead letters: waits as dead letter 1006, reason uncertain: gave no answer`,
      'ledger: claimed: a function may be sending it',
      'ledger: sent or not, nobody knows',
      'record: attempt 1: refused: dead-lettered, reason uncertain',
      'record: published to transactional, as message 1006',
    ])
    expect(journey?.ending).toBe('uncertain: it may have been sent. Decide it: cio-gcp dlq settle --id 1006')
    // Whoever pulls next receives it at once.
    expect(await cio.json(['dlq', 'list'])).toMatchObject([{ id: '1006', messageId: uncertain }])
    expect(await journeys('--key', 'k6')).toEqual([journey])
    expect(await journeys('--message', uncertain)).toEqual([journey])
  })

  it('that nobody knows of is an error, which says what was looked at', async () => {
    const ended = await cio.run(['trace', '--message', '404', '--since', '2h'])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('nothing is known of this message')
    expect(ended.stderr).toContain('the last 2 h of record and webhooks, the send ledger, the dead letters')
  })

  it('is not looked for before the time that is given', async () => {
    const ended = await cio.run(['trace', '--delivery', 'd1', '--since', '1m'])
    expect(ended.stdout).not.toContain('published')
  })

  it('is printed for people', async () => {
    const { stdout } = await cio.run(['trace', '--message', '1001'])
    expect(stdout).toMatch(/^transactional: email, template 3\n/)
    expect(stdout).toContain(
      `  ${iso(900)}     +900 ms  record        attempt 2: accepted by Customer.io, as delivery d1\n`,
    )
    expect(stdout).toMatch(/\n {2}accepted by Customer\.io; then sent, delivered, opened\n$/)
  })
})

describe('a person', () => {
  it.each([
    ['id:ada', ''],
    ['email:Ada@EXAMPLE.com', ''],
  ])('is found by %s, with messages of both keys of the ring and what Customer.io sent by itself', async (person) => {
    const found = await journeys('--person', person)
    expect(titles(found)).toEqual([
      'transactional: email, template 3',
      'track: event order_completed',
      'email, campaign 21, Welcome',
    ])
    expect(textsOf(found[0])?.slice(0, 6)).toEqual(RECEIPT)
    expect(textsOf(found[1])?.[1]).toBe(
      'record: attempt 1: accepted by Customer.io (request 90 ms, number 3 of a batch of 8)',
    )
    expect(textsOf(found[2])).toEqual(['webhooks: sent, delivery d9', 'webhooks: bounced, 550 no such user'])
    expect(found[2]?.ending).toBe('sent by Customer.io itself; then sent, bounced')
  })

  it('is found by phone, in any spelling of the number', async () => {
    const found = await journeys('--person', 'phone:0014155552671')
    expect(titles(found)).toEqual(['transactional: email, template 3', 'track: event order_completed'])
  })

  it('has the last journeys shown', async () => {
    expect(titles(await journeys('--person', 'id:ada', '--limit', '1'))).toEqual(['email, campaign 21, Welcome'])
  })

  it('is found in dead letters, which may tell the key of a record in the ledger', async () => {
    const [journey, ...others] = await journeys('--person', 'email:EVE@example.com')
    expect(others).toEqual([])
    expect(journey).toMatchObject({ state: 'uncertain', messageIds: expect.arrayContaining(['1006', uncertain]) })
    expect(textsOf(journey)).toContain('ledger: sent or not, nobody knows')
  })

  it('is looked for by the given name alone where Customer.io does not answer', async () => {
    stack.customerio.orders.add({ on: 'lookup', count: 1, fault: { do: 'answer', status: 500 } })
    const ended = await cio.run(['trace', '--person', 'id:ada'])
    expect(ended.stderr).toContain('looks for this name only')
    expect(ended.stdout).toContain('order_completed')
    stack.customerio.orders.clear()
  })
})

describe('the command line', () => {
  it.each([
    [[], 'Give --message, --key, --delivery or --person'],
    [['--message', '1', '--key', 'k'], '--message and --key: give one of them'],
    [['--person', 'ada'], 'Write id:ada, email:ada@example.com'],
    [['--person', 'name:ada'], 'Write id:ada, email:ada@example.com'],
    [['--person', 'email:nobody'], '--person email:nobody: not an e-mail address'],
    [['--person', 'phone:030 1234'], '--person phone:030 1234: not a phone number'],
    [['--message', 'receipt-1'], 'For an idempotency key, write --key'],
    [['--person', 'id:ada', '--follow'], '--follow follows one message'],
  ])('%j makes no sense', async (args, words) => {
    expect(await cio.run(['trace', ...args])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(words),
    })
  })

  it('says what it will read of a deployment, and pulls nothing where a message was accepted', async () => {
    const { PUBSUB_EMULATOR_HOST, FIRESTORE_EMULATOR_HOST, BIGQUERY_EMULATOR_HOST, projectId } = stack.endpoints
    const env = { PUBSUB_EMULATOR_HOST, FIRESTORE_EMULATOR_HOST, BIGQUERY_EMULATOR_HOST, CIO_STATE_DIR: directory }
    const cloud = commandLine(['--project', projectId], env)
    const ended = await cloud.run(['trace', '--delivery', 'd1'])
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(
      /reads at most [\d.]+ kB of BigQuery, the last 7 d of message_outcomes and webhook_events; the send ledger; dead letters if/,
    )
    expect(ended.output.indexOf('reads at most')).toBeLessThan(ended.output.indexOf('published to transactional'))
  })
})

describe('--follow', () => {
  it('prints each line once, when it comes, and ends when nothing more is expected', async () => {
    const ended = cio.run(['trace', '--message', '2001', '--follow', '--no-dead-letters'])
    await insert('message_outcomes', outcome('2001', 900, { delivery_id: 'd20' }))
    await insert('webhook_events', webhook('f1', 'd20', 1, 'sent'))
    setTimeout(() => void insert('webhook_events', webhook('f2', 'd20', 2, 'delivered')), 1_500)
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(stdout.match(/accepted by Customer\.io, as delivery d20/g)).toHaveLength(1)
    expect(stdout).toMatch(/sent, delivery d20\n.*delivered\naccepted by Customer\.io; then sent, delivered\n$/)
    expect(stdout.match(/transactional: email, template 3/g)).toHaveLength(1)
  })

  it('prints with --json the journey on one line whenever it has changed, before it is final', async () => {
    const lines: Record<string, unknown>[] = []
    await insert('message_outcomes', outcome('2002', 900, { delivery_id: 'd21' }))
    const ended = cio.run(['trace', '--message', '2002', '--follow', '--json', '--no-dead-letters'], {
      onStdout: (text) => {
        lines.push(JSON.parse(text))
        const [metric] = [undefined, 'sent', 'delivered'].slice(lines.length)
        if (metric) void insert('webhook_events', webhook(`g ${metric}`, 'd21', lines.length, metric))
      },
    })
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(stdout.split('\n')).toHaveLength(4)
    expect(lines).toMatchObject([
      { messageIds: ['2002'], state: 'accepted', final: false, cameBack: [] },
      { state: 'accepted', final: false, cameBack: ['sent'] },
      { state: 'accepted', final: true, cameBack: ['sent', 'delivered'] },
    ])
  })
})
