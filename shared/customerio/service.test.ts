import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CustomerIoServer } from '../../scripts/emulators/customerio/index.ts'
import { startTestCustomerIo } from '../../scripts/testing/customerio.ts'
import { createTestService, TEST_BATCH, type TestServiceOptions } from '../../scripts/testing/customerio-service.ts'
import { answering, startRecordingServer } from '../../scripts/testing/recording-server.ts'
import { systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { identifyMessage, trackMessage, transactionalMessage } from '../contract/index.ts'
import { createLog } from '../logging/index.ts'
import type { CallOutcome } from '../outcome/index.ts'
import { RateLimiter } from '../rate/index.ts'
import { createSecret } from '../secrets/index.ts'
import { CustomerIOService } from './index.ts'
import type { LifecycleEvent } from './lifecycle.ts'

const BAD = { reason: 'invalid', field: 'name', message: 'is not allowed' }
let customerio: CustomerIoServer
beforeEach(async () => {
  customerio = await startTestCustomerIo()
})
afterEach(() => customerio.close())

const start = (options: Partial<TestServiceOptions> = {}) =>
  createTestService({ trackUrl: customerio.trackUrl, appUrl: customerio.appUrl, ...options })
const event = (name: string) => trackMessage.parse({ identifiers: { id: 'u1' }, name })
const person = (id: string) => identifyMessage.parse({ identifiers: { id }, attributes: { plan: 'pro' } })
const sms = (id = 'u1') =>
  transactionalMessage.parse({ channel: 'sms', transactional_message_id: 5, to: '+15550100', identifiers: { id } })

it('sends what is submitted together as one batch, and one alone at once', async () => {
  const { service } = start()
  const outcomes = await Promise.all(Array.from({ length: 101 }, (_, i) => service.track(event(`e${i}`))))
  expect(outcomes[0]).toMatchObject({ kind: 'delivered', batchSize: 1 })
  expect(outcomes.slice(1).map((outcome) => outcome.batchSize)).toEqual(Array(100).fill(100))
  expect(customerio.statistics().batches).toMatchObject({ requests: 2, items: 101 })
})

it('tells how each operation travelled: its batch, its place in it, how long it waited and how long the request took', async () => {
  const clock = manualClock(1_000_000)
  const { service } = start({ clock })
  customerio.orders.add({ on: 'batch', fault: { do: 'refuse_items', containing: ['"bad"'], error: BAD } })
  const submit = (name: string, index: number) =>
    service.track(event(name), { messageId: String(100 + index), attempt: 1 })
  const outcomes = Promise.all(['alone', 'good', 'bad'].map(submit))
  clock.advance(20)
  const travelled = (await outcomes).map(({ batchId, batchSize, batchPosition, queueWaitMs, requestMs }) => ({
    ...{ batchId, batchSize, batchPosition },
    ...{ queueWaitMs, requestMs },
  }))
  const [alone, ...together] = travelled
  expect(alone).toMatchObject({ batchId: '100.1', batchSize: 1, batchPosition: 0 })
  expect(Number(alone?.queueWaitMs) + Number(alone?.requestMs)).toBe(20)
  expect(together).toEqual(
    [0, 1].map((batchPosition) => ({
      ...{ batchId: '101.1', batchSize: 2, batchPosition },
      ...{ queueWaitMs: 20, requestMs: 0 },
    })),
  )
})

it('gives every item of a 207 its own outcome, with the words of Customer.io', async () => {
  customerio.orders.add({
    on: 'batch',
    fault: {
      do: 'refuse_items',
      containing: ['"bad"'],
      error: BAD,
    },
  })
  const { service } = start()
  const outcomes = await Promise.all(['good', 'bad', 'fine', 'bad'].map((name) => service.track(event(name))))
  expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'refused', 'delivered', 'refused'])
  expect(outcomes[1]).toMatchObject({ error: 'Customer.io refused the item: name: invalid: is not allowed' })
})

it('finds the culprit of a batch that is refused as a whole, and delivers the others', async () => {
  customerio.orders.add({ on: 'batch', containing: ['"poison"'], fault: { do: 'refuse', message: 'cannot be read' } })
  const { service } = start()
  const names = ['first', ...Array.from({ length: 20 }, (_, i) => (i === 13 ? 'poison' : `e${i}`))]
  const outcomes = await Promise.all(names.map((name) => service.track(event(name))))
  expect(outcomes.map(({ kind }) => kind)).toEqual(names.map((name) => (name === 'poison' ? 'refused' : 'delivered')))
})

it('stops dividing a refused batch while what it has found out can still be answered', async () => {
  customerio.orders.add({ on: 'batch', fault: { do: 'refuse', message: 'cannot be read' } })
  const started = Date.now()
  const { service } = start({
    clock: { ...systemClock, now: () => started + customerio.statistics().requests * 2_000 },
  })
  const names = Array.from({ length: 101 }, (_, i) => `e${i}`)
  const outcomes = await Promise.all(names.map((name) => service.track(event(name))))
  const kinds = outcomes.map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'refused').length).toBeGreaterThan(2)
  expect(outcomes.at(-1)).toMatchObject({ kind: 'retry', cause: 'busy' })
  expect(customerio.statistics().requests).toBeLessThan(16)
})

it('begins no request that a process which ends could cut off, and gives back what waits at once', async () => {
  customerio.orders.add({ on: 'batch', containing: ['"poison"'], fault: { do: 'refuse', message: 'cannot be read' } })
  const { statistics } = customerio
  // A request takes up to 5 s, and half a second is for the answers.
  const { service } = start({ timeLeftMs: () => (statistics().requests < 4 ? 5_500 : 5_499) })
  const names = ['first', 'poison', ...Array.from({ length: 198 }, (_, i) => `e${i}`)]
  const outcomes = await Promise.all(names.map((name) => service.track(event(name))))
  const causes = Map.groupBy(outcomes, (outcome) => (outcome.kind === 'retry' ? outcome.error : outcome.kind))
  expect([...causes.keys()]).toEqual(['delivered', 'not sent: this instance shuts down'])
  expect(statistics().requests).toBe(4)
})

it('leaves out of a batch what is delivered again before the request is over, and decides the others', async () => {
  customerio.orders.add({ on: 'batch', containing: ['"poison"'], fault: { do: 'refuse', message: 'cannot be read' } })
  // A request takes up to 5 s.
  const leftMs = { first: 60_000, gone: 0, late: 4_999, poison: 60_000, 'in time': 5_000 }
  const { service } = start()
  const outcomes = await Promise.all(
    Object.entries(leftMs).map(([name, ms]) => service.track(event(name), { attempt: 1, untilRedeliveryMs: () => ms })),
  )
  expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'retry', 'retry', 'refused', 'delivered'])
  expect(outcomes[1]).toMatchObject({
    cause: 'busy',
    error: 'not sent: Pub/Sub delivers it again before a request could be answered',
  })
  expect(customerio.workspace.events.all().map(({ name }) => name)).toEqual(['first', 'in time'])
})

it('makes no request for a batch that is delivered again as a whole', async () => {
  const { service } = start()
  const gone = { attempt: 1, untilRedeliveryMs: () => 0 }
  expect(await service.track(event('gone'), gone)).toMatchObject({ kind: 'retry', cause: 'busy' })
  expect(customerio.statistics().requests).toBe(0)
})

it('fills a batch to its limit in bytes, with all that is around the items, and not beyond', async () => {
  const server = await startRecordingServer()
  const { service } = createTestService({
    trackUrl: `${server.url}/api/v1`,
    appUrl: `${server.url}/v1`,
    batch: { maxBytes: 2_000, maxItemBytes: 1_000 },
  })
  const bytes = Buffer.byteLength(JSON.stringify(event('é00')))
  const names = Array.from({ length: 100 }, (_, i) => `é${String(i).padStart(2, '0')}`)
  await Promise.all(names.map((name) => service.track(event(name))))
  await server.close()
  const sizes = server.requests.map(({ headers }) => Number(headers['content-length']))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000)
  expect(Math.max(...sizes)).toBeGreaterThan(2_000 - bytes - 2)
})

it('never has two operations of one person under way together, and keeps their order', async () => {
  const { service } = start()
  const operations = [
    person('a'),
    identifyMessage.parse({ action: 'delete', identifiers: { id: 'a' } }),
    person('b'),
    person('a'),
  ]
  await Promise.all(operations.map((operation) => service.identify(operation)))
  const batches = customerio.inbox
    .of()
    .map(({ kind, body }) => `${kind} ${JSON.stringify(body).match(/"id":"(.)"/)?.[1]}`)
  expect(batches.filter((entry) => entry.endsWith('a'))).toEqual(['identify a', 'delete a', 'identify a'])
  expect(customerio.statistics().batches.requests).toBeGreaterThanOrEqual(3)
})

it.each([
  ['a 503', { do: 'answer', status: 503 }, 'transient'],
  ['a web page', { do: 'html' }, 'transient'],
  ['a reset connection', { do: 'reset' }, 'transient'],
  ['a cut-off answer', { do: 'cut' }, 'transient'],
  ['no answer in time', { do: 'hang' }, 'transient'],
  ['a rate limit', { do: 'rate_limit', retryAfterSeconds: 1 }, 'transient'],
  ['refused credentials', { do: 'unauthorized' }, 'configuration'],
] as const)('gives %s back as a retry', async (_name, fault, cause) => {
  customerio.orders.add({ on: 'batch', fault })
  const { service } = start({ timeoutMs: 200 })
  expect(await service.track(event('e'))).toMatchObject({ kind: 'retry', cause, batchSize: 1 })
})

it.each([
  ['a reset after the send', { do: 'reset', processed: true }, 'uncertain'],
  ['a 500', { do: 'answer', status: 500 }, 'uncertain'],
  ['a refusal', { do: 'refuse', message: 'no' }, 'refused'],
  ['a rate limit', { do: 'rate_limit' }, 'retry'],
] as const)('tells of a send that met %s', async (_name, fault, kind) => {
  customerio.orders.add({ on: 'send', fault })
  const { service } = start()
  expect((await service.transactional(sms())).kind).toBe(kind)
})

it('says that nothing was sent when there was no connection', async () => {
  await customerio.down()
  const { service } = start()
  expect(await service.transactional(sms())).toMatchObject({
    kind: 'retry',
    error: expect.stringMatching(/ECONNREFUSED/),
  })
})

it('gives the id of the delivery', async () => {
  const { service } = start()
  const outcome = await service.transactional(sms())
  expect(outcome).toMatchObject({ kind: 'delivered', deliveryId: customerio.workspace.sends[0]?.deliveryId })
})

it('tells how long a send waited for its turn, and how long its request took', async () => {
  const clock = manualClock(1_000_000)
  const { service } = start({ clock })
  customerio.events.once('received', () => clock.advance(31))
  const sending = service.transactional(sms())
  clock.advance(7)
  expect(await sending).toMatchObject({ kind: 'delivered', queueWaitMs: 7, requestMs: 31 })
})

it('takes a broadcast that is refused for one, and not for a send', async () => {
  const { service, lines } = start()
  customerio.orders.add({ on: 'any', fault: { do: 'answer', status: 422 } })
  const broadcast = transactionalMessage.parse({ channel: 'broadcast', broadcast_id: 7 })
  expect(await service.transactional(broadcast)).toMatchObject({ kind: 'refused', httpStatus: 422 })
  expect(await service.transactional(sms())).toMatchObject({ kind: 'retry', cause: 'configuration' })
  const requests = lines.filter(({ event }) => event === 'customerio_request')
  expect(requests.map(({ operation }) => operation)).toEqual(['broadcast', 'send'])
})

it('lists the deliveries of a transactional message, page by page', async () => {
  const { service } = start()
  for (const id of ['u1', 'u2']) await service.transactional(sms(id))
  const now = Math.floor(Date.now() / 1_000)
  const query = { transactionalMessageId: 5, createdFrom: now - 60, createdUntil: now + 60 }
  const found = await service.findDeliveries(query)
  expect(found).toHaveLength(2)
  expect(found).toContainEqual({
    deliveryId: customerio.workspace.sends[1]?.deliveryId,
    person: { id: 'u2' },
    recipient: '+15550100',
    type: 'twilio',
    transactional: true,
    transactionalMessageId: undefined,
    created: expect.any(Number),
  })
  customerio.orders.add({ on: 'lookup', fault: { do: 'answer', status: 500 } })
  expect(await service.findDeliveries(query)).toMatchObject({ kind: 'uncertain' })
})

it('finds the deliveries to one person, and is refused for somebody unknown', async () => {
  const { service } = start()
  customerio.workspace.people.findOrCreate({ kind: 'id', value: 'u/1' })
  await service.transactional(sms('u/1'))
  const created = { createdFrom: 0, createdUntil: 4_000_000_000 }
  const find = (value: string) => service.findDeliveries({ ...created, person: { identifier: 'id', value } })
  expect(await find('u/1')).toMatchObject([{ person: { id: 'u/1' } }])
  expect(await find('nobody')).toMatchObject({ kind: 'refused', httpStatus: 404 })
})

it('gives up on a list whose next page would come too late', async () => {
  const server = await startRecordingServer()
  let nowMs = 0
  const { service } = createTestService({
    trackUrl: `${server.url}/api/v1`,
    appUrl: `${server.url}/v1`,
    clock: { ...systemClock, now: () => (nowMs += 3_000) },
  })
  server.answerWith(answering(200, { messages: [], next: 'again' }))
  const query = { transactionalMessageId: 5, createdFrom: 1, createdUntil: 2 }
  expect(await service.findDeliveries(query)).toMatchObject({ kind: 'too_many', error: expect.stringMatching(/5 s/) })
  expect(server.requests.length).toBeLessThan(4)
  await server.close()
})

it('reads the newest activities of a person, and what is below a path', async () => {
  const server = await startRecordingServer()
  const { service } = createTestService({ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1` })
  server.answerWith(answering(200, { activities: [{ type: 'event', data: 7 }] }))
  expect(await service.findActivities('u/1')).toEqual([{ type: 'event', data: 7 }])
  server.answerWith(answering(404, { meta: { error: 'customer not found' } }))
  expect(await service.findActivities('nobody')).toMatchObject({ kind: 'refused' })
  server.answerWith(answering(200, '{"campaigns":[]}'))
  expect(await service.lookUp('/campaigns')).toBe('{"campaigns":[]}')
  expect(server.requests.map(({ path }) => path)).toEqual([
    '/v1/customers/u%2F1/activities?limit=50',
    '/v1/customers/nobody/activities?limit=50',
    '/v1/campaigns',
  ])
  await server.close()
})

it('probes with a request that changes nothing', async () => {
  const { service } = start()
  expect(await service.probe()).toEqual({ kind: 'delivered' })
  customerio.orders.add({ fault: { do: 'html' } })
  expect(await service.probe()).toMatchObject({ kind: 'uncertain' })
  expect(customerio.workspace.sends).toEqual([])
})

it('follows the pages of a list, and gives up on one without end or of an unknown form', async () => {
  const server = await startRecordingServer()
  const { service } = createTestService({ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1` })
  const query = { transactionalMessageId: 5, createdFrom: 1, createdUntil: 2 }
  const message = { id: 'd1', created: 1, recipient: null, customer_id: 'u1', customer_identifiers: null }
  server.answerWith(
    answering(200, { messages: [message], next: 'p2' }),
    answering(200, { messages: [{ ...message, id: 'd2' }], next: '' }),
  )
  expect(await service.findDeliveries(query)).toMatchObject([{ deliveryId: 'd1' }, { deliveryId: 'd2' }])
  expect(server.requests[1]?.path).toContain('start=p2')
  server.answerWith(answering(200, { messages: null }))
  expect(await service.findDeliveries(query)).toEqual([])
  server.answerWith(answering(200, { messages: [], next: 'again' }))
  expect(await service.findDeliveries(query)).toMatchObject({
    kind: 'too_many',
    error: expect.stringMatching(/more than/),
  })
  server.answerWith(answering(200, { messages: [{ id: 7 }] }))
  expect(await service.findDeliveries(query)).toMatchObject({
    kind: 'uncertain',
    error: expect.stringMatching(/unknown form/),
  })
  server.answerWith(answering(200, ''))
  expect(await service.findDeliveries(query)).toMatchObject({
    kind: 'uncertain',
    error: expect.stringMatching(/unknown form/),
  })
  await server.close()
})

it('does not follow a redirect: it would carry the message to where nobody configured', async () => {
  const server = await startRecordingServer()
  server.answerWith((response) => response.writeHead(307, { location: `${server.url}/elsewhere` }).end())
  const { service } = createTestService({ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1` })
  expect(await service.track(event('e'))).toMatchObject({ kind: 'retry', cause: 'configuration', httpStatus: 307 })
  expect(server.requests).toHaveLength(1)
  await server.close()
})

describe('credentials', () => {
  it('that are not configured hold everything back, and name what to set', async () => {
    const { service, lines } = start({ credentials: { trackApiKey: 'unset', appApiKey: '' } })
    const outcome = { kind: 'retry', cause: 'configuration' }
    expect(await service.track(event('e'))).toMatchObject({
      ...outcome,
      error: 'not configured: CUSTOMERIO_TRACK_API_KEY',
    })
    expect(await service.transactional(sms())).toMatchObject({
      ...outcome,
      error: 'not configured: CUSTOMERIO_APP_API_KEY',
    })
    expect(lines).toContainEqual(
      expect.objectContaining({
        severity: 'ERROR',
        event: 'secret',
        reason: 'unset',
        secret: 'CUSTOMERIO_APP_API_KEY',
      }),
    )
    expect(customerio.statistics().requests).toBe(0)
  })

  it('that were rotated are picked up after the first refusal, without a new process', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'secret-')), 'key')
    await writeFile(file, 'track-key\n')
    const clock = manualClock()
    const log = { warning: () => {} }
    const trackApiKey = createSecret({ name: 'CUSTOMERIO_TRACK_API_KEY', file, log, clock })
    const { service } = start({ secrets: { trackApiKey } })
    expect((await service.track(event('before'))).kind).toBe('delivered')
    customerio.credentials.replace({ trackApiKeys: ['next-key'] })
    await writeFile(file, 'next-key\n')
    clock.advance(2_000)
    expect(await service.track(event('between'))).toMatchObject({ kind: 'retry', cause: 'busy' })
    expect(await service.track(event('after'))).toMatchObject({ kind: 'delivered' })
  })

  describe('that were refused late', () => {
    /** A send whose refusal comes after 7.9 of its 8 seconds, while the credentials are read again. */
    async function refusedLate() {
      const clock = manualClock()
      const [readAgain, value] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
      let reads = 0
      const readFile = async () => {
        if (++reads === 1) return 'app-key'
        readAgain.resolve()
        return await value.promise
      }
      const log = { warning: () => {} }
      const appApiKey = createSecret({ name: 'CUSTOMERIO_APP_API_KEY', file: '/key', readFile, log, clock })
      const { service } = start({ secrets: { appApiKey }, timeoutMs: 8_000, clock })
      customerio.orders.add({ on: 'send', fault: { do: 'unauthorized' } })
      customerio.events.once('received', () => clock.advance(7_900))
      const sending = service.transactional(sms())
      await readAgain.promise
      return { sending, value, clock }
    }

    it('and cannot be read again take no longer than the request may', async () => {
      const { sending, clock } = await refusedLate()
      clock.advance(100)
      expect(await sending).toMatchObject({ kind: 'retry', cause: 'configuration', httpStatus: 401 })
      expect(clock.now()).toBe(8_000)
    })

    it('are picked up all the same, while there is time left', async () => {
      const { sending, value, clock } = await refusedLate()
      clock.advance(99)
      value.resolve('next-key')
      expect(await sending).toMatchObject({ kind: 'retry', cause: 'busy' })
    })
  })

  it.each([
    [403, 'Account is not authorized', { kind: 'retry', cause: 'busy', error: expect.stringContaining('rotated') }, 2],
    [403, 'Forbidden file type xyz', { kind: 'refused' }, 1],
    [404, '', { kind: 'refused' }, 1],
    [402, '', { kind: 'retry', cause: 'configuration' }, 1],
    [429, '', { kind: 'retry', cause: 'transient' }, 1],
    [503, '', { kind: 'uncertain' }, 1],
    [200, '', { kind: 'delivered' }, 1],
  ])('are read again only after an answer that is about them: %d %s', async (status, words, outcome, readsInAll) => {
    const server = await startRecordingServer()
    server.answerWith(answering(status, { meta: { error: words } }))
    const clock = manualClock()
    let reads = 0
    const readFile = async () => `key-${++reads}`
    const log = { warning: () => {} }
    const appApiKey = createSecret({ name: 'CUSTOMERIO_APP_API_KEY', file: '/key', readFile, log, clock })
    const { service } = createTestService({
      ...{ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1`, secrets: { appApiKey } },
    })
    await appApiKey.current()
    clock.advance(2_000)
    expect(await service.transactional(sms())).toMatchObject(outcome)
    expect(reads).toBe(readsInAll)
    await server.close()
  })

  it('that no header can hold are an alarm, and no doubt whether something was sent', async () => {
    const { service, lines } = start({ credentials: { appApiKey: 'k\u200bey' } })
    const outcome = await service.transactional(sms())
    expect(outcome).toMatchObject({ kind: 'retry', cause: 'configuration' })
    expect(JSON.stringify([lines, outcome])).not.toContain('\u200b')
    expect(customerio.statistics().requests).toBe(0)
  })

  it('that stay refused are an alarm', async () => {
    customerio.credentials.replace({ appApiKeys: [] })
    const { service } = start()
    expect(await service.transactional(sms())).toMatchObject({ kind: 'retry', cause: 'configuration', httpStatus: 401 })
  })
})

it('has no way to an API that it was given none for', async () => {
  const log = createLog({ clock: systemClock, functionName: 'test', destination: { write: () => {} } })
  const service = new CustomerIOService({ log, clock: systemClock })
  const outcome = { kind: 'retry', cause: 'configuration' }
  expect(await service.track(event('e'))).toMatchObject({
    ...outcome,
    error: 'not configured: CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY',
  })
  expect(await service.transactional(sms())).toMatchObject({
    ...outcome,
    error: 'not configured: CUSTOMERIO_APP_API_KEY',
  })
  const query = { transactionalMessageId: 1, createdFrom: 0, createdUntil: 1 }
  for (const read of [service.findDeliveries(query), service.lookUp('/campaigns')]) {
    expect(await read).toMatchObject({ ...outcome, error: 'not configured: CUSTOMERIO_APP_API_KEY' })
  }
})

it('makes no request once its rate is used up', async () => {
  const log = createLog({ clock: systemClock, functionName: 'test', destination: { write: () => {} } })
  const slow = () => new RateLimiter({ requestsPerSecond: 0.01, clock: systemClock, random: () => 0 })
  const secret = (value: string) => createSecret({ clock: systemClock, name: 'KEY', value, log })
  const service = new CustomerIOService({
    track: {
      url: customerio.trackUrl,
      timeoutMs: 1_000,
      siteId: secret('site'),
      apiKey: secret('track-key'),
      rate: slow(),
      rateWaitMs: 1_000,
      divideMs: 1_000,
      batch: TEST_BATCH,
    },
    app: {
      url: customerio.appUrl,
      timeoutMs: 1_000,
      apiKey: secret('app-key'),
      rate: slow(),
      broadcastRate: slow(),
      lookUpRate: slow(),
      rateWaitMs: 1_000,
    },
    log,
    clock: systemClock,
  })
  expect((await service.track(event('one'))).kind).toBe('delivered')
  expect(await service.track(event('two'))).toMatchObject({
    kind: 'retry',
    cause: 'busy',
    error: expect.stringMatching(/rate/),
  })
  const query = { transactionalMessageId: 1, createdFrom: 0, createdUntil: 1 }
  expect(await service.findDeliveries(query)).toEqual([])
  expect(await service.findDeliveries(query)).toMatchObject({ kind: 'retry', cause: 'busy' })
})

it("keeps one publisher's wrong template from slowing down anybody else", async () => {
  customerio.workspace.templates.remove('welcom')
  const { service, lines } = start()
  const wrong = transactionalMessage.parse({
    channel: 'email',
    transactional_message_id: 'welcom',
    to: 'ada@example.com',
    identifiers: { email: 'ada@example.com' },
  })
  const sends = Array.from({ length: 100 }, (_, i) => service.transactional(i % 10 < 3 ? wrong : sms()))
  const kinds = (await Promise.all(sends)).map(({ kind }) => kind)
  expect(kinds).toEqual(kinds.map((_, i) => (i % 10 < 3 ? 'refused' : 'delivered')))
  expect(lines.filter(({ severity }) => severity !== 'INFO')).toEqual([])
})

it('gives Customer.io a pause after a 429, and says so', async () => {
  customerio.orders.add({ on: 'send', count: 1, fault: { do: 'rate_limit', retryAfterSeconds: 60 } })
  const { service } = start()
  expect(await service.transactional(sms())).toMatchObject({ kind: 'retry', retryAfterMs: 60_000 })
  expect(await service.transactional(sms())).toMatchObject({
    kind: 'retry',
    cause: 'busy',
    error: expect.stringMatching(/pause/),
  })
  expect(customerio.statistics().sends).toBe(0)
})

it('gives a prepared send up again', async () => {
  const { service } = start()
  const prepared = await service.prepareSend(sms())
  if (!('cancel' in prepared)) throw new Error('not ready')
  prepared.cancel()
  expect(customerio.statistics().requests).toBe(0)
})

it('refuses an operation that is too large for a batch, and gives back what does not fit its queue', async () => {
  const { service } = start({ batch: { maxItemBytes: 100, maxQueueItems: 1, maxInFlight: 1 } })
  const tooLarge = { kind: 'refused', reason: 'contract', error: 'the operation is too large for a batch' }
  expect(await service.track(event('x'.repeat(99)))).toEqual(tooLarge)
  const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => service.track(event(name))))
  expect(outcomes[2]).toMatchObject({ kind: 'retry', cause: 'busy', error: 'not sent: queue full' })
})

it.each([
  [503, [1, 1, 1]],
  [200, [1, 2, 2]],
  // Nobody's message: our credentials are refused.
  [401, [1, 2, 2]],
])('sends what comes again one by one while it is answered %d, else in batches that grow', async (status, sizes) => {
  customerio.orders.add({ on: 'batch', fault: { do: 'answer', status, body: '{}' } })
  const { service } = start()
  const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => service.track(event(name), { attempt: 2 })))
  expect(outcomes.map(({ batchSize }) => batchSize)).toEqual(sizes)
})

it('measures a message unless it is small however its numbers are written', async () => {
  const { service } = start({ batch: { maxItemBytes: 151 } })
  const large = event('x'.repeat(99))
  const outcomeOf = async (bytes: number) => (await service.track(large, { attempt: 1, bytes })).kind
  expect(await outcomeOf(4)).toBe('delivered')
  expect(await outcomeOf(5)).toBe('refused')

  const server = await startRecordingServer()
  const { service: recorded } = createTestService({
    trackUrl: `${server.url}/api/v1`,
    appUrl: `${server.url}/v1`,
    batch: { maxItems: 10, maxBytes: 30_000 },
  })
  // 600 bytes as published, and 2,400 as sent.
  const text = `{"identifiers":{"id":"u1"},"name":"n","attributes":{"n":[${Array.from({ length: 110 }, () => '9e20')}]}}`
  const { attributes } = trackMessage.parse(JSON.parse(text))
  const larger = { ...event('x'), attributes: { text: 'x'.repeat(4_000) } }
  const messages = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? { ...event('n'), attributes } : larger))
  await Promise.all(
    messages.map((message) => recorded.track(message, { attempt: 1, bytes: message === larger ? 4_100 : text.length })),
  )
  await server.close()
  const sizes = server.requests.map(({ headers }) => Number(headers['content-length']))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(30_000)
})

describe('behind others of its person or object', () => {
  const object = (action: 'identify' | 'delete') =>
    identifyMessage.parse({ type: 'object', action, identifiers: { object_type_id: '1', object_id: 'acme' } })
  const erasure = identifyMessage.parse({ action: 'delete', identifiers: { id: 'u1' } })
  const moves = { kind: 'retry', cause: 'busy', error: 'not sent: key flooded', mayMove: true }
  const stays = { kind: 'retry', cause: 'busy', error: 'not sent: key flooded' }
  const carried = { attempt: 1, mayMove: true }
  const many = <T>(count: number, each: () => T) => Array.from({ length: count }, each)

  it('an update of an object may move once few wait, and no other operation, and none whose message may not', async () => {
    const { service } = start({ moveFromItems: 3 })
    const first = many(4, () => service.identify(object('identify'), carried))
    const last = await service.identify(object('identify'), carried)
    const staying = [service.identify(object('delete'), carried), service.identify(object('identify'))]
    expect(last).toEqual(moves)
    expect((await Promise.all([...first, ...staying])).map(({ kind }) => kind)).toEqual(many(6, () => 'delivered'))
  })

  it('an update of a person may move only where it would be delivered again, and a deletion never', async () => {
    const { service } = start({ moveFromItems: 3, batch: { maxBlockedItems: 8 } })
    const first = many(5, () => service.identify(person('u1'), carried))
    expect(await service.identify(person('u1'), carried)).toEqual(moves)
    expect(await service.identify(erasure, carried)).toEqual(stays)
    expect((await Promise.all(first)).map(({ kind }) => kind)).toEqual(many(5, () => 'delivered'))
  })

  it('an update of an object may move when half of all who may wait do, where no other number is given', async () => {
    const { service } = start({ batch: { maxBlockedItems: 8 } })
    const first = many(5, () => service.identify(object('identify'), carried))
    expect(await service.identify(object('identify'), carried)).toEqual(moves)
    expect((await Promise.all(first)).map(({ kind }) => kind)).toEqual(many(5, () => 'delivered'))
  })

  it('no update may move that found no room for another reason', async () => {
    const { service } = start({ batch: { maxQueueItems: 1, maxInFlight: 1 } })
    const outcomes = await Promise.all(['a', 'b', 'c'].map((id) => service.identify(person(id), carried)))
    expect(outcomes[2]).toEqual({ ...stays, error: 'not sent: queue full' })
  })

  it('an update that waited too long for others may move', async () => {
    const clock = manualClock()
    const { service } = start({ clock, batch: { maxWaitMs: 100 } })
    const outcomes = many(2, () => service.identify(person('u1'), carried))
    clock.advance(200)
    expect(await Promise.all(outcomes)).toMatchObject([
      { kind: 'delivered' },
      { kind: 'retry', error: 'not sent: waited for its key', mayMove: true },
    ])
  })
})

describe('lifecycle events', () => {
  function listen(service: CustomerIOService): [string, LifecycleEvent][] {
    const heard: [string, LifecycleEvent][] = []
    for (const name of ['identify', 'track', 'transactional', 'broadcast', 'suppress', 'delete', 'failure'] as const) {
      service.on(name, (lifecycle) => heard.push([name, lifecycle]))
    }
    return heard
  }

  it('tell of every operation under its own name, with outcome and latency', async () => {
    const { service } = start()
    const heard = listen(service)
    await service.identify(person('u1'))
    await service.identify(identifyMessage.parse({ action: 'unsuppress', identifiers: { id: 'u1' } }))
    await service.track(event('e'))
    await service.transactional(sms())
    await service.transactional(transactionalMessage.parse({ channel: 'broadcast', broadcast_id: 7 }))
    await service.suppress({ id: 'u2' })
    await service.delete({ id: 'u3' })
    expect(heard.map(([name]) => name)).toEqual([
      'identify',
      'identify',
      'track',
      'transactional',
      'broadcast',
      'suppress',
      'delete',
    ])
    for (const [name, lifecycle] of heard) {
      expect(lifecycle).toEqual({
        operation: name,
        outcome: expect.objectContaining<Partial<CallOutcome>>({ kind: 'delivered' }),
        latencyMs: expect.any(Number),
      })
    }
  })

  it('tell how long an operation took, from the call on', async () => {
    const clock = manualClock(1_000_000)
    const { service } = start({ clock })
    const heard = listen(service)
    customerio.events.once('received', () => clock.advance(31))
    const sending = service.track(event('e'))
    clock.advance(7)
    await sending
    expect(heard).toMatchObject([['track', { latencyMs: 38 }]])
  })

  it('tell of a failure besides, which nobody has to listen to', async () => {
    customerio.orders.add({ on: 'any', fault: { do: 'answer', status: 503 } })
    const { service } = start()
    expect((await service.track(event('e'))).kind).toBe('retry')
    const heard = listen(service)
    await service.track(event('e'))
    expect(heard.map(([name, { outcome }]) => [name, outcome.kind])).toEqual([
      ['track', 'retry'],
      ['failure', 'retry'],
    ])
  })

  it('change no outcome when a listener throws', async () => {
    const { service, lines } = start()
    service.on('track', () => {
      throw new Error('ann@example.com')
    })
    service.on('track', () => Promise.reject(new Error('later')).catch(() => undefined))
    expect((await service.track(event('e'))).kind).toBe('delivered')
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ severity: 'ERROR', event: 'listener_failure', error: 'Error' },
        place: expect.stringContaining('service.test.ts'),
      }),
    )
    expect(JSON.stringify(lines)).not.toContain('ann@example.com')
  })

  it('log no place of what was thrown without one', async () => {
    const { service, lines } = start()
    service.on('track', () => {
      throw 'words'
    })
    await service.track(event('e'))
    const failure = lines.find((line) => line.event === 'listener_failure')
    expect(failure).toMatchObject({ error: 'string' })
    expect(failure).not.toHaveProperty('place')
  })

  it('end no process when the promise of a listener is rejected', async () => {
    const { service, lines } = start()
    const failing = async () => {
      throw new Error('ann@example.com')
    }
    service.on('track', failing)
    expect((await service.track(event('e'))).kind).toBe('delivered')
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toContainEqual(expect.objectContaining({ event: 'listener_failure', error: 'Error' }))
    expect(JSON.stringify(lines)).not.toContain('ann@example.com')
  })
})

it('logs one line per request: what it was, and how it was answered', async () => {
  const { service, lines } = start()
  await Promise.all(['alone', 'b', 'c'].map((name) => service.track(event(name))))
  await service.transactional(sms())
  customerio.orders.add({ fault: { do: 'reset' } })
  await service.probe()
  const fields = { severity: 'INFO', message: 'request to Customer.io', event: 'customerio_request' }
  const latency_ms = expect.any(Number)
  expect(lines).toMatchObject([
    { ...fields, operation: 'batch', batch_size: 1, latency_ms, http_status: 200 },
    { ...fields, operation: 'batch', batch_size: 2, latency_ms, http_status: 200 },
    { ...fields, operation: 'send', batch_size: 1, latency_ms, http_status: 200 },
    { ...fields, operation: 'look_up', batch_size: 1, latency_ms, reason: 'no_answer', error: 'ECONNRESET' },
  ])
})

it('keeps a connection and uses it again', async () => {
  const server = await startRecordingServer()
  const { service } = createTestService({ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1` })
  const seen = new Set<unknown>()
  server.answerWith((response) => {
    seen.add(response.socket)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  for (let i = 0; i < 10; i++) await service.track(event('e'))
  await server.close()
  expect(seen.size).toBeLessThan(3)
})

it('tells a connection that was never made from one that broke', async () => {
  const { service } = createTestService({
    trackUrl: 'http://no-such-host.invalid/api/v1',
    appUrl: 'http://no-such-host.invalid/v1',
  })
  expect(await service.transactional(sms())).toMatchObject({
    kind: 'retry',
    error: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
  })
})
