import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Firestore } from '@google-cloud/firestore'
import { identifierOf, parseHashRing } from '../../shared/identity/index.ts'
import { personHashes } from '../../shared/ledger/index.ts'
import { LOCAL_CREDENTIALS, type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { commitAccidents } from './prove/accidents.ts'
import { type CommandLine, commandLine } from './testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(180_000)

const RING = parseHashRing(LOCAL_CREDENTIALS.PERSON_HASH_KEYS) ?? []
const directory = join(PROJECT_ROOT, '.local', 'cio-test')
let stack: Stack
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  stack = await startStack({
    directory,
    ports: { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 },
    environment: { SEND_LEDGER_SETTLE_SECONDS: '0' },
    customerio: { deliveryDelayMs: 600_000 },
  })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
})

afterAll(() => stack?.close())

const subscription = (name: string) => `projects/${stack.endpoints.projectId}/subscriptions/${name}`

/** Resolves when this many messages wait among the dead letters of a source. */
async function deadLettered(source: string, number: number): Promise<void> {
  while (waiting(source).length < number) await once(stack.pubsub.events, 'published')
}

async function publishRaw(topic: string, body: unknown, attributes: Record<string, string> = {}): Promise<string> {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return stack.client.topic(topic).publishMessage({ data, attributes })
}

async function idle(topic: string): Promise<void> {
  while (stack.pubsub.stats(subscription(topic)).outstanding > 0) await once(stack.pubsub.events, 'acknowledged')
}

/** What waits among the dead letters of a source, without a look that would take it. */
function waiting(source: string) {
  const { subscriptions } = stack.pubsub.snapshot()
  const found = subscriptions.find(({ resource }) => resource.name === subscription(`${source}-dead-letter`))
  return found?.backlog.map(({ message }) => message) ?? []
}

describe('publish', () => {
  it('publishes a message that arrives at Customer.io', async () => {
    const ended = await cio.run(['publish', 'identify', '{"identifiers":{"id":"ada"},"attributes":{"plan":"pro"}}'])
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^published to identify: message \d+, key /) })
    await stack.customerio.until(
      () => stack.customerio.workspace.people.find({ kind: 'id', value: 'ada' }) !== undefined,
    )
  })

  it('publishes a line each of standard input, under keys that a second run repeats', async () => {
    const input = ['first', 'second', 'third']
      .map((name) => JSON.stringify({ identifiers: { id: 'ada' }, name }))
      .join('\n')
    const arguments_ = ['publish', 'track', '-', '--key', 'import']
    expect(await cio.json(arguments_, { input })).toMatchObject({
      published: [{ key: 'import:1' }, { key: 'import:2' }, { key: 'import:3' }],
    })
    expect(await cio.run(arguments_, { input })).toMatchObject({ code: 0, stdout: 'published 3 messages to track\n' })
    const events = () => stack.customerio.workspace.events
    await stack.customerio.until(() => events().received >= 6)
    expect(
      events()
        .all()
        .map(({ name }) => name),
    ).toEqual(expect.arrayContaining(['first', 'second', 'third']))
    expect(events().all()).toHaveLength(3)
  })

  it('publishes nothing when one line breaks the contract, and says which and why', async () => {
    const file = join(directory, 'broken.ndjson')
    writeFileSync(file, '{"identifiers":{"id":"ada"},"name":"a"}\n\n{"identifiers":{"id":"ada"},"nam":"b"}\n')
    const ended = await cio.run(['publish', 'track', '--file', file])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('nothing was published: 1 of 2 messages break the contract of track')
    expect(ended.stderr).toContain('line 3: name: required')
  })

  it('ends with 2 for a command line that makes no sense', async () => {
    const [option, nothing] = await Promise.all([
      cio.run(['publish', 'track', '--rate', 'fast', '{}']),
      cio.run(['publish', 'track']),
    ])
    expect(option).toMatchObject({ code: 2, stderr: expect.stringContaining('It must be a number above 0') })
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('no message is given') })
  })
})

describe('trigger', () => {
  it('sends a webhook about the newest message to a person, and says what the function answered', async () => {
    const send = { channel: 'email', transactional_message_id: 3, to: 'lin@example.com' }
    await publishRaw('transactional', { ...send, identifiers: { id: 'lin' } })
    await idle('transactional')
    const [delivery] = stack.customerio.workspace.sends.filter(({ recipient }) => recipient === 'lin@example.com')
    const ended = await cio.json(['trigger', 'email.bounced', '--person', 'id:lin'])
    expect(ended).toEqual({ event: 'email.bounced.transactional', deliveryId: delivery?.deliveryId, status: 204 })
    const query = `SELECT metric FROM customerio.webhook_events WHERE delivery_id = '${delivery?.deliveryId}'`
    let rows: unknown[] = []
    while (rows.length === 0) {
      ;[rows] = await stack.warehouse.query({ query })
    }
    expect(rows).toEqual([{ metric: 'bounced' }])
  })

  it('names the events there are, and refuses a deployment', async () => {
    await expect(cio.run(['trigger', 'email.bouncd', '--person', 'id:lin'])).resolves.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no webhook event email\.bouncd; it has: .*email\.bounced/),
    })
    const deployment = commandLine(['--project', 'acme-prod', '--region', 'us'])
    await expect(deployment.run(['trigger', 'email.bounced', '--person', 'id:lin'])).resolves.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('only the local Customer.io'),
    })
  })
})

describe('publish asks', () => {
  const person = { identifiers: { id: 'nobody' } }
  it.each([
    ['identify', { ...person, action: 'delete' }, '1 delete'],
    ['identify', { ...person, action: 'suppress' }, '1 suppress'],
    ['transactional', { channel: 'broadcast', broadcast_id: 1, recipients: { segment: { id: 3 } } }, '1 broadcast'],
  ])('before %s %j', async (topic, message, what) => {
    const ended = await cio.run(['publish', topic, JSON.stringify(message)])
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(what) })
    expect(ended.stderr).toContain('the local stack')
    expect(stack.pubsub.stats(subscription(topic)).outstanding).toBe(0)
  })
})

describe('dlq', () => {
  const BROKEN = { identifiers: { id: 'bob', extra: 1 }, attributes: { email: 'bob@example.com' } }

  afterEach(async () => {
    for (const source of ['identify', 'track', 'transactional']) {
      await stack.client.subscription(`${source}-dead-letter`).seek(new Date(Date.now() + 60_000))
    }
  })

  it('lists, shows and counts dead letters, and leaves them there', async () => {
    await publishRaw('identify', BROKEN, { shop: 'eu' })
    await publishRaw('track', 'no json')
    await Promise.all([deadLettered('identify', 1), deadLettered('track', 1)])

    const all = await cio.run(['dlq', 'list'])
    expect(all.stdout).toMatch(/identify +identify +contract +\d+ s +0 +identifiers\.extra: unknown field/)
    expect(all.stdout).toMatch(/track +not JSON +not_json +/)
    const filters = [
      '--person',
      'BOB@example.com',
      '--attribute',
      'shop=eu',
      '--reason',
      'contract',
      '--younger-than',
      '1h',
    ]
    expect(await cio.json(['dlq', 'stats', ...filters])).toMatchObject({
      messages: 1,
      groups: [{ source: 'identify', reason: 'contract', field: 'identifiers.extra' }],
    })

    const [letter] = waiting('identify')
    const shown = await cio.run(['dlq', 'show', letter?.id ?? ''])
    expect(shown.stdout).toContain('  shop: eu')
    expect(shown.stdout).toContain('"email": "bob@example.com"')
    expect(shown.stdout).toContain("what breaks today's contract:\n  identifiers.extra: unknown field")
    expect(await cio.run(['dlq', 'show', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no dead letter 1'),
    })
  })

  it('asks before it replays, and counts how often a message came back', async () => {
    await publishRaw('identify', BROKEN)
    await deadLettered('identify', 1)
    const [dry, unasked] = [
      await cio.run(['dlq', 'replay', '--dry-run', '--force']),
      await cio.run(['dlq', 'replay', '--force']),
    ]
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('identify: 1 message would be replayed') })
    expect(unasked).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no terminal to ask in: add --yes.'),
    })
    const [before] = waiting('identify')

    const ended = await cio.run(['dlq', 'replay', 'identify', '--force', '--yes'])
    expect(ended).toMatchObject({ code: 0, stdout: 'identify: 1 message replayed\n' })
    while (waiting('identify')[0]?.attributes.replay_count !== '1') await once(stack.pubsub.events, 'published')
    const [after] = waiting('identify')
    expect(after?.attributes.source_message_id).toBe(before?.attributes.source_message_id)
    expect(after?.attributes.source_publish_time).toBe(before?.attributes.source_publish_time)
    expect(waiting('identify')).toHaveLength(1)
    // The id of its first life finds it still, and is what is shown.
    const id = after?.attributes.source_message_id ?? ''
    expect(after?.id).not.toBe(before?.id)
    expect((await cio.run(['dlq', 'list'])).stdout).toContain(`\n${id} `)
    expect(await cio.run(['dlq', 'show', id])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^id: +${id}\\n`)),
    })
  })

  it('leaves alone what would come back, and lists it with the reason', async () => {
    await publishRaw('identify', BROKEN)
    await publishRaw('track', 'no json')
    await Promise.all([deadLettered('identify', 1), deadLettered('track', 1)])
    const ids = ['identify', 'track'].map((source) => waiting(source)[0]?.attributes.source_message_id ?? '')
    const dry = await cio.run(['dlq', 'replay', '--dry-run'])
    for (const id of ids) {
      expect(dry.stdout).toMatch(new RegExp(`1 skipped: it breaks the contract and would come back.*\\n +${id}\\n`))
    }
    const ended = await cio.run(['dlq', 'replay', '--yes'])
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('2 dead letters skipped') })
    expect([waiting('identify').length, waiting('track').length]).toEqual([1, 1])
  })

  it.each([
    ['--reason', 'exausted'],
    ['--attribute', '=x'],
    ['--person', ' '],
    ['--older-than', '3d', '--younger-than', '1d'],
    ['identity'],
  ])('a filter that can match nothing is a wrong command line: %s %s', async (...filter) => {
    const ended = await cio.run(['dlq', 'purge', ...filter, '--yes'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
  })

  it('an address of 80,000 signs holds nothing up', async () => {
    const to = `@${'<'.repeat(80_000)}`
    await publishRaw('transactional', { channel: 'email', transactional_message_id: 1, identifiers: { id: 'x' }, to })
    await deadLettered('transactional', 1)
    const startedMs = performance.now()
    expect(await cio.run(['dlq', 'list', '--person', 'nobody@example.com'])).toMatchObject({ code: 0 })
    expect(await cio.run(['access', '--email', 'nobody@example.com', '--id', 'nobody'])).toMatchObject({ code: 0 })
    expect(performance.now() - startedMs).toBeLessThan(60_000)
  })

  it('an id that is not there is said, and nothing else is touched', async () => {
    await publishRaw('track', 'no json')
    await deadLettered('track', 1)
    const id = waiting('track')[0]?.id ?? ''
    for (const command of [['purge'], ['replay', '--force'], ['settle', '--sent']]) {
      const ended = await cio.run(['dlq', ...command, '--id', '17', '--yes'])
      expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('no dead letter 17 here') })
    }
    expect(waiting('track').map((letter) => letter.id)).toEqual([id])
  })

  it('lets a message be changed in an editor before its replay', async () => {
    const editor = join(directory, 'editor.sh')
    writeFileSync(
      editor,
      `#!/bin/sh\nsed -i 's/"extra": 1/"gone": 1/; /"gone": 1/d; s/"id": "bob",/"id": "bob"/' "$1"\n`,
      { mode: 0o755 },
    )
    await publishRaw('identify', BROKEN)
    await deadLettered('identify', 1)
    const ended = await cio.run(['dlq', 'replay', '--edit', '--yes'], { env: { VISUAL: editor, EDITOR: editor } })
    expect(ended.stderr).not.toContain('error')
    expect(ended.code).toBe(0)
    await stack.customerio.until(
      () => stack.customerio.workspace.people.find({ kind: 'id', value: 'bob' }) !== undefined,
    )
    expect(waiting('identify')).toEqual([])
  })

  it('sends an uncertain message again, or not, as a person decides, and each at most once', async () => {
    const send = (id: string) => ({
      channel: 'email',
      transactional_message_id: 3,
      identifiers: { id },
      to: `${id}@example.com`,
    })
    // The first two are processed but not answered, and the list of deliveries does not show them for ten minutes.
    stack.customerio.orders.add({
      on: 'send',
      containing: ['carl', 'dora'],
      count: 2,
      fault: { do: 'reset', processed: true },
    })
    await publishRaw('transactional', send('carl'), { idempotency_key: 'carl' })
    await publishRaw('transactional', send('dora'))
    await deadLettered('transactional', 2)
    const sendsTo = (id: string) => stack.customerio.workspace.sends.filter(({ who }) => who.value === id).length
    expect([sendsTo('carl'), sendsTo('dora')]).toEqual([1, 1])

    // One that ran out of attempts may have been sent too, as long as its record is open.
    const outOfAttempts = {
      data: Buffer.from(JSON.stringify(send('carl'))),
      attributes: { idempotency_key: 'carl', reason: 'exhausted', error: 'answer 503' },
    }
    await stack.client.topic('transactional-dead-letter').publishMessage(outOfAttempts)
    const known = await cio.run(['dlq', 'settle'])
    expect(known.stdout.match(/email to id carl, template 3/g)).toHaveLength(2)
    expect(known.stdout).toContain('ledger: uncertain')
    expect(known.stdout).toMatch(/Customer.io lists between \S+ and \S+: nothing\n +compared: person \(by id\)/)
    const sent = await cio.run(['dlq', 'settle', '--person', 'carl', '--sent', '--yes'])
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringContaining('noted as sent') })
    const again = await cio.run(['dlq', 'settle', '--person', 'dora', '--resend', '--yes'])
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('published again to transactional') })
    await stack.customerio.until(() => sendsTo('dora') === 2)
    await publishRaw('transactional', send('carl'), { idempotency_key: 'carl' })
    await idle('transactional')
    expect(sendsTo('carl')).toBe(1)
    expect(waiting('transactional')).toEqual([])
    await stack.client.topic('transactional-dead-letter').publishMessage(outOfAttempts)
    expect(await cio.run(['dlq', 'settle'])).toMatchObject({ code: 0, stdout: 'no uncertain sends\n' })
    expect(await cio.run(['dlq', 'purge', '--reason', 'exhausted', '--yes'])).toMatchObject({ code: 0 })
    await idle('message-outcomes')
    const query = `SELECT action, outcome, final, topic FROM customerio.message_outcomes
      WHERE function = 'cio-gcp' AND action <> 'replay' ORDER BY ended_at`
    const [told] = await stack.warehouse.query(query)
    const doing = (action: string, outcome: string) => ({ action, outcome, final: true, topic: 'transactional' })
    expect(told.slice(-3)).toEqual([
      ...[doing('settle', 'settled_sent'), doing('settle', 'settled_not_sent'), doing('purge', 'purged')],
    ])
  })

  it('refuses what is dangerous until told otherwise', async () => {
    const letters = stack.client.topic('identify-dead-letter')
    await letters.publishMessage({
      data: Buffer.from('{"action":"suppress","identifiers":{"id":"eve"}}'),
      attributes: { reason: 'exhausted', error: 'answer 503', source_message_id: '1' },
    })
    await stack.client.topic('transactional-dead-letter').publishMessage({
      data: Buffer.from('{"channel":"push","transactional_message_id":1,"identifiers":{"id":"eve"}}'),
      attributes: { CloudPubSubDeadLetterSourceDeliveryCount: '100' },
    })
    const refused = await cio.run(['dlq', 'replay', '--yes'])
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain('--force replays it')
    expect(refused.stdout).toContain('--accept-duplicates sends it')
    const forced = await cio.run(['dlq', 'replay', '--yes', '--force', '--accept-duplicates'])
    expect(forced.code).toBe(0)
    await stack.customerio.until(() => stack.customerio.workspace.people.isSuppressed({ kind: 'id', value: 'eve' }))
  })

  it('throws away what is meant, and nothing without a word on what that is', async () => {
    await publishRaw('identify', BROKEN)
    await publishRaw('track', 'no json')
    await Promise.all([deadLettered('identify', 1), deadLettered('track', 1)])
    expect(await cio.run(['dlq', 'purge'])).toMatchObject({ code: 2 })
    const purged = await cio.run(['dlq', 'purge', '--reason', 'not_json', '--yes'])
    expect(purged.stdout).toContain('track: 1 message deleted')
    expect([waiting('identify').length, waiting('track').length]).toEqual([1, 0])
  })
})

describe('secrets', () => {
  it('takes a value that Customer.io takes, refuses another, and shows neither', async () => {
    const refused = await cio.run(['secrets', 'set', 'CUSTOMERIO_APP_API_KEY'], { input: 'wrong-app-key\n' })
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Customer.io rejects the App API key (401)'),
    })
    stack.customerio.credentials.replace({ trackApiKeys: ['local-track-api-key', 'new-track-key'] })
    const rotated = await cio.run(['secrets', 'rotate', 'CUSTOMERIO_TRACK_API_KEY', '--no-wait'], {
      input: 'new-track-key\n',
    })
    expect(rotated).toMatchObject({ code: 0, stdout: expect.stringContaining('CUSTOMERIO_TRACK_API_KEY is rotated') })
    for (const { stdout, stderr } of [refused, rotated])
      expect(`${stdout}${stderr}`).not.toMatch(/wrong-app-key|new-track-key/)
    expect(await cio.run(['secrets', 'check'])).toMatchObject({ code: 0, stdout: expect.stringContaining('region us') })
    const invalid = await cio.run(['secrets', 'set', 'CUSTOMERIO_SITE_ID'], { input: 'two words' })
    expect(invalid).toMatchObject({ code: 2, stderr: expect.stringContaining('white space') })
  })

  it('makes a person hash key that nobody sees, keeps the one before, and drops none that is in use', async () => {
    const rotated = await cio.run(['secrets', 'rotate', 'PERSON_HASH_KEYS', '--generate', '--no-wait'])
    expect(rotated.code).toBe(0)
    const ring = readFileSync(join(directory, 'secrets/PERSON_HASH_KEYS'), 'utf8').split('\n')
    expect(ring).toEqual([expect.stringMatching(/^[\w-]{43}$/), LOCAL_CREDENTIALS.PERSON_HASH_KEYS])
    expect(rotated.stdout + rotated.stderr).not.toContain(ring[0])
    expect(await cio.run(['secrets', 'set', 'PERSON_HASH_KEYS', '--generate'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is still needed; nothing was changed'),
    })
    expect(await cio.run(['secrets', 'set', 'CUSTOMERIO_SITE_ID', '--generate'])).toMatchObject({ code: 2 })
    writeFileSync(join(directory, 'secrets/PERSON_HASH_KEYS'), LOCAL_CREDENTIALS.PERSON_HASH_KEYS)
  })

  it('keeps the webhook key before when a new one comes, so that none is refused between', async () => {
    const ended = await cio.run(['secrets', 'rotate', 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS', '--no-wait'], {
      input: 'new-key',
    })
    expect(ended.code).toBe(0)
    expect(readFileSync(join(directory, 'secrets/CUSTOMERIO_WEBHOOK_SIGNING_KEYS'), 'utf8')).toBe(
      'new-key\nlocal-webhook-signing-key',
    )
    expect(await cio.run(['webhooks', 'test'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('answer 204'),
    })
  })
})

describe('names', () => {
  it('fetches them once, and leaves alone what was fetched', async () => {
    expect(await cio.run(['names'])).toMatchObject({ code: 0, stdout: expect.stringContaining('9 names fetched') })
    const [rows] = await stack.warehouse.query(
      "SELECT name FROM `customerio.names` WHERE kind = 'newsletter' ORDER BY id",
    )
    expect(rows).toEqual([{ name: 'November news' }, { name: 'December news' }])
    const again = await cio.run(['names', '--json'])
    expect(JSON.parse(again.stdout)).toEqual({ names: 0, skipped: 5 })
  })
})

describe('webhooks', () => {
  it('makes one with every event, once, and changes it', async () => {
    expect(await cio.run(['webhooks', 'create'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('webhook 1 sends'),
    })
    expect(await cio.run(['webhooks', 'create'])).toMatchObject({ code: 0, stdout: expect.stringContaining('already') })
    const changed = await cio.run(['webhooks', 'update', '1', '--event', 'email_bounced', '--disable'])
    expect(changed.stdout).toContain('webhook 1 is disabled and sends 1 event to')
    const listing = await cio.run(['webhooks', 'list'])
    expect(listing.stdout).toMatch(/1 +customerio-gcp +disabled +1 of \d+ +http/)
    await cio.run(['webhooks', 'update', '1', '--enable'])
  })

  it('says what is wrong with an answer', async () => {
    const [wrongKey, nobody] = await Promise.all([
      cio.run(['webhooks', 'test', '--wrong-key']),
      cio.run(['webhooks', 'test', '--url', 'http://127.0.0.1:9/']),
    ])
    expect(wrongKey).toMatchObject({ code: 0, stdout: expect.stringContaining('answer 401') })
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('Check the address') })
  })
})

describe('ten accidents of a new operator', () => {
  it('lose, send and publish nothing unasked', async () => {
    for (const source of ['identify', 'track', 'transactional', 'warehouse']) {
      await stack.client.subscription(`${source}-dead-letter`).seek(new Date(Date.now() + 60_000))
    }
    const accidents = await commitAccidents({ stack, cio, directory })
    expect(accidents).toHaveLength(10)
    expect(accidents.filter(({ harm }) => harm.length > 0).map(({ transcript }) => transcript)).toEqual([])
    for (const source of ['identify', 'track']) {
      await stack.client.subscription(`${source}-dead-letter`).seek(new Date(Date.now() + 60_000))
    }
  })
})

describe('access and erase', () => {
  const EMAIL = 'Faye@Example.com'

  /** The person in every store: Customer.io, warehouse (also in quarantine), send ledger, dead letters. */
  async function scatter(name: string, address: string): Promise<void> {
    const at = Math.floor(Date.now() / 1_000)
    const before = { track: waiting('track').length, identify: waiting('identify').length }
    const recorded = (await rowsOf('message_outcomes')).length
    await publishRaw('identify', { identifiers: { id: name }, attributes: { email: address, plan: 'pro' } })
    await stack.customerio.until(
      () => stack.customerio.workspace.people.find({ kind: 'id', value: name }) !== undefined,
    )
    await publishRaw('transactional', {
      channel: 'email',
      transactional_message_id: 7,
      identifiers: { id: name },
      to: address,
    })
    await publishRaw('track', { identifiers: { id: name } })
    await publishRaw('identify', `{"email": "${address}", not json`)
    const data = { identifiers: { id: name, email: address, cio_id: `c-${name}` }, recipient: address }
    stack.customerio.webhooks.send({ event_id: `${name} 1`, object_type: 'email', metric: 'sent', timestamp: at, data })
    stack.customerio.webhooks.send({
      event_id: `${name} 2`,
      object_type: 'customer',
      metric: 'unsubscribed',
      timestamp: at,
      data: { ...data, email_address: address },
    })
    stack.customerio.webhooks.send({ object_type: 'email', metric: 'sent', data })
    await Promise.all([
      deadLettered('track', before.track + 1),
      deadLettered('identify', before.identify + 1),
      idle('transactional'),
    ])
    for (;;) {
      const rows = await Promise.all(
        ['webhook_events', 'subscription_changes', 'webhook_quarantine'].map((table) => rowsOf(table)),
      )
      const isRecorded = (await rowsOf('message_outcomes')).length >= recorded + 2
      if (isRecorded && rows.every((of) => of.some((row) => JSON.stringify(row).toLowerCase().includes(name)))) return
      await once(stack.pubsub.events, 'acknowledged')
    }
  }

  /** Of the record only what names somebody: her messages that could not be read leave lines that name nobody. */
  async function rowsOf(table: string): Promise<unknown[]> {
    const [all] = await stack.warehouse.query(`SELECT * FROM \`${stack.topology.bigquery.dataset}.${table}\``)
    const rows = all.filter((row: Record<string, unknown>) => row.person !== null)
    return rows.map((row: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, value instanceof Buffer ? value.toString() : value]),
      ),
    )
  }

  /** One text of everything in all stores. */
  async function everythingStored(): Promise<string> {
    const { people } = stack.customerio.workspace
    const tables = await Promise.all(Object.keys(stack.topology.bigquery.tables).map(rowsOf))
    const ledger = await stackFirestore().collection(stack.topology.ledger.collection).get()
    return JSON.stringify([
      [...people.all()].map(({ identifiers, attributes }) => [identifiers, attributes.toObject()]),
      people.suppressed(),
      tables,
      ledger.docs.map((document) => document.data()),
      ['identify', 'track', 'transactional', 'warehouse'].map((source) =>
        waiting(source).map(({ data }) => data.toString()),
      ),
    ])
  }

  /** Each thing of each store as a text, whatever the order in which a store gives them. */
  function partsOf(everything: string): { readonly suppressed: string[]; readonly stores: string[] } {
    const [people, suppressed, ...stores]: [unknown[], string[], ...unknown[][]] = JSON.parse(everything)
    const things = [people, ...stores]
      .flat()
      .flat()
      .map((thing) => JSON.stringify(thing))
    return { suppressed, stores: things.sort() }
  }

  let firestore: Firestore | undefined
  function stackFirestore(): Firestore {
    const [servicePath = '', port] = stack.endpoints.FIRESTORE_EMULATOR_HOST.split(':')
    firestore ??= new Firestore({
      projectId: stack.endpoints.projectId,
      databaseId: stack.topology.ledger.database,
      servicePath,
      port: Number(port),
      ssl: false,
      customHeaders: { Authorization: 'Bearer owner' },
    })
    return firestore
  }
  afterAll(() => firestore?.terminate())

  it('gathers everything about a person, and leaves nothing but the suppression', async () => {
    await scatter('gil', 'Gil@Example.com')
    const before = partsOf(await everythingStored())
    await scatter('faye', EMAIL)
    const out = join(directory, 'faye.json')
    const gathered = await cio.run(['access', '--email', EMAIL, '--out', out])
    expect(gathered.stdout).toMatch(
      /Customer.io: attributes.*\n +warehouse: 6 rows\n +send ledger: 1 record\n +dead letters: 2/,
    )
    expect(statSync(out).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ person: { id: 'faye', email: 'faye@example.com' } })

    const dry = await cio.run(['erase', '--email', EMAIL, '--dry-run'])
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/a profile.*webhook_events: 2 rows.*to decide about, and left alone: 3/s),
    })
    const erased = await cio.run(['erase', '--id', 'faye', '--email', EMAIL, '--yes'])
    expect(erased.stdout).toContain('Customer.io: found and deleted; suppressed: id, email')
    expect(erased.stdout).toMatch(
      /webhook_events: 2 rows deleted\n.*subscription_changes: 1 row deleted\n.*webhook_quarantine: 0 rows/s,
    )
    expect(erased.stdout).toContain('send ledger: 1 record deleted')
    // What keeps no contract only may be about her: somebody looks at it first.
    expect(erased).toMatchObject({ code: 1, stderr: expect.stringContaining('3 to decide about') })
    const toDecide = [...erased.stdout.matchAll(/to decide in \w+: (.*)/g)].flatMap(([, ids = '']) => ids.split(', '))
    expect(toDecide).toHaveLength(3)
    expect(await cio.run(['erase', '--resume', '--also', ...toDecide])).toMatchObject({ code: 0 })
    const left = await everythingStored()
    for (const name of [identifierOf('id', 'faye'), identifierOf('email', EMAIL)]) {
      for (const { hash } of name === undefined ? [] : personHashes(RING, name)) expect(left).not.toContain(hash)
    }
    expect(left.match(/[^"]*faye[^"]*/gi)).toEqual(['id:faye', 'email:faye@example.com'])
    // Everything else is as it was, byte for byte.
    expect(before.stores.join()).toMatch(/gil/)
    expect(partsOf(left)).toEqual({
      ...before,
      suppressed: [...before.suppressed, 'id:faye', 'email:faye@example.com', expect.stringMatching(/^cio_id:/)],
    })
    expect(readdirSync(join(directory, 'cio/erase'))).toEqual([])
  })
})

describe('doctor', () => {
  it('finds nothing wrong with a stack that works, to the row in BigQuery', async () => {
    const ended = await cio.run(['doctor'])
    expect(ended.stderr).toContain('nothing wrong with the local stack')
    expect(ended.stdout).toMatch(/test event +answered 204, in BigQuery after/)
    expect(ended.code).toBe(0)
  })

  it('says what is wrong and what to do', async () => {
    const broken = join(directory, 'broken')
    mkdirSync(join(broken, 'secrets'), { recursive: true })
    writeFileSync(join(broken, 'secrets/CUSTOMERIO_SITE_ID'), 'unset')
    const endpoints = { ...stack.endpoints, projectId: 'another-project', secrets: join(broken, 'secrets') }
    writeFileSync(join(broken, 'endpoints.json'), JSON.stringify(endpoints))
    const other = commandLine(['--endpoints', join(broken, 'endpoints.json')])
    const ended = await other.run(['doctor', '--no-synthetic'])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toContain('✗ topics            identify is missing')
    expect(ended.stdout).toContain('npx cio-gcp secrets set CUSTOMERIO_SITE_ID')
  })

  // The last test: an hour passes before Customer.io tries again.
  it('finds that Customer.io signs with another key, which our own signature cannot show', async () => {
    const event = { event_id: 'w1', object_type: 'email', metric: 'sent', timestamp: Math.floor(Date.now() / 1_000) }
    stack.customerio.webhooks.signWith('the key of another workspace')
    const attempted = once(stack.customerio.webhooks.events, 'attempt')
    stack.customerio.webhooks.send({ ...event, data: { identifiers: { id: 'ada' } } })
    await attempted
    const tested = await cio.run(['webhooks', 'test'])
    expect(tested).toMatchObject({ code: 0, stderr: expect.stringContaining('only its own webhooks show') })
    const ended = await cio.run(['doctor'])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toMatch(/✗ real webhooks +Customer.io was answered 401 1 time/)
    expect(ended.stdout).toContain('secrets rotate CUSTOMERIO_WEBHOOK_SIGNING_KEYS')
    expect(ended.stdout).toMatch(/✓ test event/)
  })
})
