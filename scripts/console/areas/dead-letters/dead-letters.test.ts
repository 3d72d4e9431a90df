import { EventEmitter, once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../../../shared/clock/index.ts'
import { manualClock } from '../../../../shared/clock/testing/manual-clock.ts'
import { type Connection, connect } from '../../../cio/connection.ts'
import { sourcesOf } from '../../../cio/dead-letters/source.ts'
import { commandLine } from '../../../cio/testing/command-line.ts'
import { type Stack, startStack } from '../../../local/stack.ts'
import { PROJECT_ROOT } from '../../../topology/topology.ts'
import { type Console, startConsole } from '../../console.ts'
import { consoleClient } from '../../testing/client.ts'
import { areaDeadLetters, type DeadLettersDeps } from './dead-letters.ts'

// A busy machine takes its time.
jest.setTimeout(120_000)

const directory = join(PROJECT_ROOT, '.local', 'console-dead-letters-test')
let stack: Stack
let connection: Connection
let opened: Console[] = []
/** What a console could not foresee. */
let errors: unknown[] = []
/** How far the console's clock is ahead: a machine that slept. */
let sleptMs = 0

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  stack = await startStack({
    directory,
    ports: { all: 0 },
    functions: ['identify', 'transactional'],
    environment: { SEND_LEDGER_SETTLE_SECONDS: '0', RECIPIENTS: '{"allow":["id:*","@example.com"]}' },
    customerio: { deliveryDelayMs: 600_000 },
  })
  connection = await connect({ local: true, endpoints: join(directory, 'endpoints.json') })
})
afterAll(async () => {
  await connection?.close()
  await stack?.close()
})

beforeEach(() => {
  opened = []
  errors = []
  sleptMs = 0
})
afterEach(async () => {
  await Promise.all(opened.map((each) => each.close()))
  expect(errors).toEqual([])
  for (const { deadLetterSubscription } of sourcesOf(stack.topology)) {
    await stack.client.subscription(deadLetterSubscription).seek(new Date(Date.now() + 60_000))
  }
})

async function open(deps: Partial<DeadLettersDeps> = {}) {
  const operator = { connection, now: () => Date.now() + sleptMs, signal: new AbortController().signal }
  const started = await startConsole({
    ...{ port: 0, environment: 'local', flags: '--local', deployed: false, page: { script: '', style: '' } },
    areas: [areaDeadLetters({ operator, clock: systemClock, masked: false, allowActions: true, ...deps })],
    onError: (error) => errors.push(error),
  })
  opened.push(started)
  return { ...consoleClient(started), close: started.close }
}

/** For what tells of itself by no event; a lease that nobody gives back runs out after a minute. */
const atMostAWhile = () => AbortSignal.timeout(30_000)

const path = (name: string) => `projects/${stack.endpoints.projectId}/subscriptions/${name}`
const waiting = (source: string) => waitingIn(`${source}-dead-letter`)
const waitingIn = (name: string) =>
  stack.pubsub
    .snapshot()
    .subscriptions.find(({ resource }) => resource.name === path(name))
    ?.backlog.map(({ message }) => message) ?? []

async function publish(topic: string, body: unknown, attributes: Record<string, string> = {}): Promise<string> {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return stack.client.topic(topic).publishMessage({ data, attributes })
}

/** A dead letter that nobody's function made. */
const deadLetter = (source: string, body: unknown, attributes: Record<string, string> = {}) =>
  publish(`${source}-dead-letter`, body, { reason: 'exhausted', error: 'answer 503', ...attributes })

async function deadLettered(source: string, number: number): Promise<void> {
  while (waiting(source).length < number) await once(stack.pubsub.events, 'published')
}

const EVENT = { identifiers: { id: 'ada' }, name: 'order_completed' }

it('pulls nothing unasked, and shows what it holds by source, reason and field', async () => {
  const broken = await deadLetter(
    'identify',
    { identifiers: { id: 'bob', extra: 1 } },
    { reason: 'contract', error: 'identifiers.extra: unknown field' },
  )
  await deadLetter('track', EVENT)
  const page = await open()
  expect(await page.get('/api/dead-letters')).toMatchObject({ body: { state: { phase: 'none' }, letters: [] } })
  const look = await page.post('/api/dead-letters/look')
  expect(look.body).toMatchObject({
    state: {
      phase: 'held',
      total: 2,
      untilMs: expect.any(Number),
      groups: [
        { source: 'identify', reason: 'contract', field: 'identifiers.extra', messages: 1 },
        { source: 'track', reason: 'exhausted', field: null, messages: 1 },
      ],
    },
    letters: [{ messageId: broken, what: 'identify' }, { what: 'event order_completed' }],
  })
  expect(await page.get(`/api/dead-letters/${broken}`)).toMatchObject({
    body: {
      masked: false,
      problems: [{ field: 'identifiers.extra', rule: 'unknown field' }],
      attributes: { reason: 'contract' },
      body: expect.stringContaining('"bob"'),
      ledger: null,
      toSettle: false,
    },
  })
  expect(await page.post('/api/dead-letters/find', { person: 'bob' })).toMatchObject({ body: { messageIds: [broken] } })
  expect(await page.get('/api/dead-letters/404')).toMatchObject({ status: 404 })
  expect(await page.post('/api/dead-letters/look', { sources: ['tarck'] })).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining('there are no dead letters of tarck') } },
  })
})

it('a refused message is edited and replayed, and arrives', async () => {
  await publish('identify', { identifiers: { id: 'carol', extra: 1 }, attributes: { plan: 'pro' } })
  await deadLettered('identify', 1)
  const page = await open()
  await page.post('/api/dead-letters/look')
  const [letter] = waiting('identify')
  const at = `/api/dead-letters/${letter?.id}`
  const { body } = await page.get(at)
  const { editable } = body as { editable: string }
  expect(await page.post(`${at}/check`, { text: editable })).toMatchObject({
    body: { problem: expect.stringContaining('identifiers.extra: unknown field') },
  })
  expect(await page.post(`${at}/edit`, { text: editable })).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining('identifiers.extra: unknown field') } },
  })
  const text = editable.replace(/,\s*"extra": 1/, '')
  expect(await page.post(`${at}/check`, { text })).toEqual({ status: 200, body: { problem: null } })
  expect(await page.post(`${at}/edit`, { text })).toMatchObject({ status: 200, body: { replayed: [letter?.id] } })
  await stack.customerio.until(
    () => stack.customerio.workspace.people.find({ kind: 'id', value: 'carol' }) !== undefined,
  )
  expect(waiting('identify')).toEqual([])
})

it('an uncertain send is settled on what ledger and Customer.io know', async () => {
  const send = (id: string) => ({
    ...{ channel: 'email', transactional_message_id: 3, identifiers: { id } },
    to: `${id}@example.com`,
  })
  stack.customerio.orders.add({
    ...{ on: 'send', containing: ['dora', 'emil'], count: 2 },
    fault: { do: 'reset', processed: true },
  })
  await publish('transactional', send('dora'), { idempotency_key: 'dora' })
  await publish('transactional', send('emil'), { idempotency_key: 'emil' })
  await deadLettered('transactional', 2)
  const sendsTo = (id: string) => stack.customerio.workspace.sends.filter(({ who }) => who.value === id).length
  expect([sendsTo('dora'), sendsTo('emil')]).toEqual([1, 1])

  const page = await open()
  await page.post('/api/dead-letters/look')
  const idOf = (id: string) => waiting('transactional').find(({ attributes }) => attributes.idempotency_key === id)?.id
  const [dora, emil] = [`/api/dead-letters/${idOf('dora')}`, `/api/dead-letters/${idOf('emil')}`]
  expect(await page.get(dora)).toMatchObject({ body: { toSettle: true, ledger: { state: 'uncertain' } } })
  expect(await page.post(`${dora}/evidence`)).toMatchObject({
    body: {
      to: 'id dora',
      ledger: { state: 'uncertain' },
      customerIo: { kind: 'listed', deliveries: [], compared: expect.stringContaining('person (by id)') },
    },
  })
  expect(await page.post(`${dora}/settle`, { decision: 'sent' })).toMatchObject({
    body: { settled: 'sent', notes: [] },
  })
  expect(await page.post(`${emil}/settle`, { decision: 'resend' })).toMatchObject({ body: { settled: 'resend' } })
  await stack.customerio.until(() => sendsTo('emil') === 2)
  expect(sendsTo('dora')).toBe(1)
  expect(waiting('transactional')).toEqual([])
  // Somebody else's click, a moment later.
  expect(await page.post(`${dora}/settle`, { decision: 'resend' })).toMatchObject({ status: 404 })
  expect(sendsTo('dora')).toBe(1)
})

describe('what the recipient guard holds', () => {
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const held = () => waitingIn('transactional-not-sent')

  async function byCommand(key: string): Promise<void> {
    const unreleased = ['dlq', 'replay', 'transactional', '--attribute', `idempotency_key=${key}`, '--yes']
    expect(await cio.run(unreleased)).toMatchObject({ code: 0 })
    // It has met the guard again.
    while (held()[0]?.attributes.replay_count !== '1') await once(stack.pubsub.events, 'published')
    expect(await cio.run([...unreleased, '--release'])).toMatchObject({
      code: 0,
      stdout: 'transactional-not-sent: 1 message replayed\n',
    })
  }

  async function byPage(): Promise<void> {
    const page = await open()
    await page.post('/api/dead-letters/look')
    const body = { messageIds: held().map(({ id }) => id), release: true }
    expect(await page.post('/api/dead-letters/plan', body)).toMatchObject({
      body: {
        question: 'Replay 1 dead letter (transactional-not-sent 1) in the local stack?',
        warnings: [expect.anything()],
      },
    })
    expect(await page.post('/api/dead-letters/replay', body)).toMatchObject({ body: { replayed: body.messageIds } })
  }

  it.each([
    ['cio-gcp dlq replay --release', byCommand],
    ['a page', byPage],
  ])('is sent exactly once when it is released by %s', async (name, release) => {
    const person = name.replace(/\W+/g, '-')
    const key = `held ${name}`
    const message = {
      ...{ channel: 'email', transactional_message_id: 3, identifiers: { id: person } },
      to: `${person}@customer.org`,
    }
    const sends = () => stack.customerio.workspace.sends.filter(({ who }) => who.value === person).length
    await publish('transactional', message, { idempotency_key: key })
    while (held().length === 0) await once(stack.pubsub.events, 'published')
    expect(held()).toMatchObject([{ attributes: { reason: 'guarded', idempotency_key: key } }])
    expect([sends(), waiting('transactional').length]).toEqual([0, 0])

    await release(key)
    await stack.customerio.until(() => sends() === 1)
    // Released once more, as by somebody else a moment later: the ledger knows it.
    await publish('transactional', message, { idempotency_key: key, released: 'guarded' })
    while (stack.pubsub.stats(path('transactional')).outstanding > 0) await once(stack.pubsub.events, 'acknowledged')
    expect(sends()).toBe(1)
    expect([held(), waiting('transactional')]).toEqual([[], []])
  })
})

it('asks before it replays, with the number and the place, and replays what was asked about', async () => {
  const good = await deadLetter('track', EVENT)
  const drastic = await deadLetter('identify', { action: 'delete', identifiers: { id: 'nobody' } })
  const page = await open()
  await page.post('/api/dead-letters/look')
  const messageIds = [good, drastic]
  expect(await page.post('/api/dead-letters/plan', { messageIds })).toMatchObject({
    body: {
      question: 'Replay 1 dead letter (track 1) in the local stack?',
      skipped: [{ messageId: drastic, why: expect.stringContaining('--force') }],
    },
  })
  expect(await page.post('/api/dead-letters/plan', { messageIds, force: true })).toMatchObject({
    body: { question: 'Replay 2 dead letters (track 1, identify 1) in the local stack?' },
  })
  expect(await page.post('/api/dead-letters/replay', { messageIds })).toMatchObject({
    body: { replayed: [good], skipped: [{ messageId: drastic }], gone: [], notes: [] },
  })
  expect(await page.post('/api/dead-letters/replay', { messageIds: [] })).toMatchObject({
    status: 400,
    body: { error: { field: 'messageIds', message: 'choose at least one dead letter' } },
  })
})

it('deletes only what somebody has typed the number of', async () => {
  const ids = [await deadLetter('track', EVENT), await deadLetter('track', EVENT)]
  const page = await open()
  await page.post('/api/dead-letters/look')
  const purge = (messageIds: readonly string[], confirmation: string) =>
    page.post('/api/dead-letters/purge', { messageIds, confirmation })
  expect(await purge(ids, 'delete')).toMatchObject({ status: 400, body: { error: { field: 'confirmation' } } })
  expect(await purge([...ids, '404'], 'delete 3')).toMatchObject({
    status: 409,
    body: { error: { message: '1 of them are held no longer: choose again' } },
  })
  expect(waiting('track')).toHaveLength(2)
  expect(await purge(ids, 'delete 2')).toMatchObject({ status: 200, body: { purged: ids } })
  expect(waiting('track')).toEqual([])
})

describe('two pages', () => {
  it('look at the same dead letters, and see what the other did', async () => {
    const [first, second] = [await deadLetter('track', EVENT), await deadLetter('track', EVENT)]
    const page = await open()
    const removed: string[] = []
    const bothRemoved = Promise.withResolvers<void>()
    const leave = await page.listen('dead-letters', (events) => {
      for (const event of events as { removed: string[] }[]) removed.push(...event.removed)
      if (removed.length >= 2) bothRemoved.resolve()
    })
    await page.post('/api/dead-letters/look')
    expect(await page.get('/api/dead-letters')).toMatchObject({ body: { state: { total: 2 } } })
    const both = { messageIds: [first, second] }
    const clicks = await Promise.all([
      page.post('/api/dead-letters/replay', { messageIds: [first] }),
      page.post('/api/dead-letters/replay', both),
    ])
    expect(clicks.map(({ body }) => body)).toMatchObject([
      { replayed: [first], gone: [] },
      { replayed: [second], gone: [first] },
    ])
    await bothRemoved.promise
    expect(removed).toEqual([first, second])
    leave()
  })
})

describe('what is held', () => {
  const untilGivenBack = async (source: string) => {
    const signal = atMostAWhile()
    while (stack.pubsub.stats(path(`${source}-dead-letter`)).leased > 0) await delay(20, undefined, { signal })
  }

  it('is given back half a minute after the last page has gone', async () => {
    await deadLetter('track', EVENT)
    const manual = manualClock(Date.now())
    const timers = new EventEmitter()
    const after: Clock['after'] = (ms, work) => {
      const cancel = manual.after(ms, work)
      timers.emit(`${ms} ms`)
      return cancel
    }
    const page = await open({ clock: { ...manual, after } })
    const leave = await page.listen('dead-letters', () => {})
    await page.post('/api/dead-letters/look')
    manual.advance(60_000)
    expect(await page.get('/api/dead-letters')).toMatchObject({ body: { state: { phase: 'held' } } })
    const noticed = once(timers, '30000 ms', { signal: atMostAWhile() })
    leave()
    await noticed
    manual.advance(29_000)
    expect(await page.get('/api/dead-letters')).toMatchObject({ body: { state: { phase: 'held' } } })
    manual.advance(1_000)
    expect(await page.get('/api/dead-letters')).toMatchObject({
      body: { state: { phase: 'ended', why: 'no page was open: they were given back' }, letters: [] },
    })
    await untilGivenBack('track')
  })

  it('is given back when somebody says so, and when the console ends', async () => {
    const id = await deadLetter('track', EVENT)
    const page = await open()
    await page.post('/api/dead-letters/look')
    expect(stack.pubsub.stats(path('track-dead-letter')).leased).toBe(1)
    await page.post('/api/dead-letters/give-back')
    expect(stack.pubsub.stats(path('track-dead-letter')).leased).toBe(0)
    expect(await page.post('/api/dead-letters/replay', { messageIds: [id] })).toMatchObject({ status: 409 })
    await page.post('/api/dead-letters/look')
    await page.close()
    expect(stack.pubsub.stats(path('track-dead-letter')).leased).toBe(0)
  })

  it('is lost when the machine slept, and nothing is done with it', async () => {
    const id = await deadLetter('track', EVENT)
    const page = await open()
    await page.post('/api/dead-letters/look')
    sleptMs = 120_000
    expect(await page.post('/api/dead-letters/replay', { messageIds: [id] })).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('no longer held') } },
    })
    expect(waiting('track')).toHaveLength(1)
  })

  it('survives a restart of Pub/Sub: what was shown is found again', async () => {
    const id = await deadLetter('track', EVENT)
    const page = await open()
    await page.post('/api/dead-letters/look')
    await stack.restartPubSub()
    expect(await page.post('/api/dead-letters/look')).toMatchObject({ body: { letters: [{ messageId: id }] } })
    expect(await page.post('/api/dead-letters/replay', { messageIds: [id] })).toMatchObject({
      body: { replayed: [id] },
    })
    expect(waiting('track')).toEqual([])
  })
})

describe('of a deployment', () => {
  const SECRETS = ['ada-77', 'ada@example.com', 'Ada Lovelace', 'key-of-ada']
  const body = {
    ...{ channel: 'email', transactional_message_id: 3, identifiers: { id: 'ada-77' }, to: 'ada@example.com' },
    message_data: { name: 'Ada Lovelace' },
  }
  const attributes = {
    ...{ reason: 'refused', error: 'Customer.io answered 400: ada@example.com of Ada Lovelace is suppressed' },
    idempotency_key: 'key-of-ada',
  }
  const said = (answer: unknown) => SECRETS.filter((secret) => JSON.stringify(answer).includes(secret))

  it('masks personal data until somebody reveals them, which the record is told', async () => {
    const id = await deadLetter('transactional', body, attributes)
    const page = await open({ masked: true })
    const at = `/api/dead-letters/${id}`
    const [look, detail, evidence] = [
      await page.post('/api/dead-letters/look'),
      await page.get(at),
      await page.post(`${at}/evidence`),
    ]
    expect([look, detail, evidence].map(({ status }) => status)).toEqual([200, 200, 200])
    expect([look, detail, evidence].flatMap(said)).toEqual([])
    expect(detail.body).toMatchObject({
      masked: true,
      editable: null,
      error: 'Customer.io answered 400: ••• of ••• is suppressed',
      body: expect.stringContaining('"channel": "email"'),
    })
    const revealed = await page.post(`${at}/reveal`)
    expect(said(revealed)).toEqual(SECRETS)
    expect(said(await page.get(at))).toEqual(SECRETS)
    const query =
      "SELECT message_id, action, outcome, final FROM customerio.message_outcomes WHERE outcome = 'revealed'"
    const signal = atMostAWhile()
    let rows: unknown[] = []
    while (rows.length === 0) {
      await delay(20, undefined, { signal })
      ;[rows] = await stack.warehouse.query(query)
    }
    expect(rows).toEqual([{ message_id: id, action: 'reveal', outcome: 'revealed', final: false }])
  })

  it('names no address that stands where a name or a reason is expected', async () => {
    const address = 'ada@example.com'
    const event = { identifiers: { id: 'ada-77', [address]: 1 }, name: address, attributes: { [address]: 1 } }
    const error = `identifiers["${address}"]: unknown field`
    const given = { reason: 'contract', error, source_message_id: address, [address]: address }
    const id = await deadLetter('track', event, given)
    await deadLetter('track', event, { reason: address })
    const page = await open({ masked: true })
    const told: unknown[] = []
    const leave = await page.listen('dead-letters', (events) => told.push(events))
    const look = await page.post('/api/dead-letters/look')
    while (!JSON.stringify(told).includes('"held"')) await new Promise((resolve) => setTimeout(resolve, 20))
    leave()
    const at = `/api/dead-letters/${id}`
    const answers = [look, await page.get(at), await page.post(`${at}/evidence`), told]
    expect(answers.flatMap(said)).toEqual([])
    expect(look.body).toMatchObject({
      state: { groups: [{ field: 'identifiers["•••"]' }, { reason: '•••' }] },
      letters: [{ field: 'identifiers["•••"]', what: 'event •••', id: '•••' }, { reason: '•••' }],
    })
    expect(answers[1]).toMatchObject({ body: { problems: [{ field: 'identifiers["•••"]', rule: 'unknown field' }] } })
    // It stays in its group when it is revealed.
    await page.post(`${at}/reveal`)
    expect(await page.get('/api/dead-letters')).toMatchObject({
      body: { letters: [{ field: 'identifiers["•••"]', what: `event ${address}` }, {}] },
    })
  })

  it('shows one that is nested too deeply to be walked, and lets it be edited', async () => {
    const deep = `{"attributes":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    const id = await deadLetter('track', deep)
    for (const masked of [false, true]) {
      const page = await open({ masked })
      await page.post('/api/dead-letters/look')
      const { status, body } = await page.get(`/api/dead-letters/${id}`)
      expect(status).toBe(200)
      const { body: text, editable } = body as { body: string; editable: string | null }
      expect(text).toContain(masked ? '"attributes": [' : deep)
      if (!masked) expect(JSON.parse(editable ?? '')).toMatchObject({ message: deep })
      await page.close()
    }
  })

  it('reveals nothing that the record cannot be told', async () => {
    const id = await deadLetter('transactional', body, attributes)
    const failing: Connection = {
      ...connection,
      pubsub: () => Promise.reject(Object.assign(new Error('down'), { code: 14 })),
    }
    const operator = { connection: failing, now: Date.now, signal: new AbortController().signal }
    const page = await open({ masked: true, operator })
    await page.post('/api/dead-letters/look')
    expect(await page.post(`/api/dead-letters/${id}/reveal`)).toMatchObject({ status: 502 })
    expect(said(await page.get(`/api/dead-letters/${id}`))).toEqual([])
  })

  it('acts only when it was started so', async () => {
    const id = await deadLetter('track', EVENT)
    const page = await open({ allowActions: false })
    await page.post('/api/dead-letters/look')
    const messageIds = [id]
    expect(await page.post('/api/dead-letters/plan', { messageIds })).toMatchObject({ status: 200 })
    const refused = [
      await page.post('/api/dead-letters/replay', { messageIds }),
      await page.post('/api/dead-letters/purge', { messageIds, confirmation: 'delete 1' }),
      await page.post(`/api/dead-letters/${id}/edit`, { text: '{}' }),
      await page.post(`/api/dead-letters/${id}/settle`, { decision: 'sent' }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    expect(waiting('track')).toHaveLength(1)
  })
})
