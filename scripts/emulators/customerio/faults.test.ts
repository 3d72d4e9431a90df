import { once } from 'node:events'
import { APIClient, CustomerIORequestError, SendEmailRequest, TrackClient } from 'customerio-node'
import { startTestCustomerIo } from '../../testing/customerio.ts'
import type { CustomerIoServer, FaultOrder } from './index.ts'

let server: CustomerIoServer
let track: TrackClient
let app: APIClient

beforeEach(async () => {
  server = await startTestCustomerIo()
  const options = { timeout: 2_000, retry: { maxRetries: 0 } }
  track = new TrackClient('site', 'track-key', { url: server.trackUrl, ...options })
  app = new APIClient('app-key', { url: server.appUrl, ...options })
})
afterEach(() => server.close())

const identify = (id: string) => ({ type: 'person', action: 'identify', identifiers: { id }, attributes: {} })
const batchOf = (count: number) => Array.from({ length: count }, (_, n) => identify(`u${n}`))
const sendEmail = () =>
  app.sendEmail(new SendEmailRequest({ to: 'ada@example.com', identifiers: { id: 'u1' }, transactional_message_id: 3 }))
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no failure',
    (error: unknown) => error,
  )

/** A request that the server has, but has not answered. Its caller waits until told to give up. */
async function asked() {
  const caller = new AbortController()
  const received = once(server.events, 'received')
  const headers = { authorization: `Basic ${Buffer.from('site:track-key').toString('base64')}` }
  const body = JSON.stringify(identify('u1'))
  const url = `${server.url}/api/v2/entity`
  const failure = failureOf(fetch(url, { method: 'POST', headers, body, signal: caller.signal }))
  await received
  return { failure, giveUp: () => caller.abort() }
}

async function order(body: FaultOrder): Promise<void> {
  const response = await fetch(`${server.url}/_local/faults`, { method: 'POST', body: JSON.stringify(body) })
  expect(response.status).toBe(201)
}

describe('an order to misbehave', () => {
  it('answers with any status for as many requests as it says, and then stops', async () => {
    await order({ on: 'batch', count: 2, fault: { do: 'answer', status: 503 } })
    for (let n = 0; n < 2; n++) expect(await failureOf(track.batch(batchOf(1)))).toMatchObject({ statusCode: 503 })
    await expect(track.batch(batchOf(1))).resolves.toEqual({})
    expect(server.orders.list()).toEqual([])
    expect(server.statistics().endpoints['v2/batch']).toEqual({ requests: 3, statuses: { 503: 2, 200: 1 } })
  })

  it('leaves other endpoints alone', async () => {
    await order({ on: 'send', fault: { do: 'answer', status: 500 } })
    await expect(track.entity(identify('u1'))).resolves.toEqual({})
    expect(await failureOf(sendEmail())).toMatchObject({ statusCode: 500 })
  })

  it('can fail a send that took effect, and one that did not', async () => {
    await order({ on: 'send', count: 1, fault: { do: 'answer', status: 500, processed: true } })
    await order({ on: 'send', count: 1, fault: { do: 'answer', status: 500 } })
    await failureOf(sendEmail())
    expect(server.workspace.sends).toHaveLength(1)
    await failureOf(sendEmail())
    expect(server.workspace.sends).toHaveLength(1)
  })

  it.each([true, false])('resets the connection (after processing: %s)', async (processed) => {
    await order({ on: 'track', count: 1, fault: { do: 'reset', processed } })
    expect(await failureOf(track.entity(identify('u1')))).toMatchObject({
      message: 'fetch failed',
      cause: { code: 'ECONNRESET' },
    })
    expect(server.workspace.people.size).toBe(processed ? 1 : 0)
  })

  it('cuts an answer off in the middle of its body', async () => {
    await order({ on: 'send', count: 1, fault: { do: 'cut' } })
    expect(await failureOf(sendEmail())).toMatchObject({ name: 'TypeError' })
    expect(server.workspace.sends).toHaveLength(1)
  })

  it('answers with a web page, which the SDK cannot parse', async () => {
    await order({ on: 'batch', count: 1, fault: { do: 'html' } })
    expect(await failureOf(track.batch(batchOf(1)))).toMatchObject({
      message: expect.stringContaining('Unable to parse JSON'),
    })
  })

  it('delays an answer beyond the time-out of a caller whose request took effect', async () => {
    await order({ on: 'track', count: 1, delayMs: 60_000, fault: { do: 'delay' } })
    const { failure, giveUp } = await asked()
    giveUp()
    expect(await failure).toMatchObject({ name: 'AbortError' })
    expect(server.workspace.people.size).toBe(1)
  })

  it('never answers, without keeping the server from closing', async () => {
    await order({ fault: { do: 'hang' } })
    const { failure } = await asked()
    expect(server.workspace.people.size).toBe(0)
    expect(server.statistics().endpoints['v2/entity']?.statuses).toEqual({ hung: 1 })
    await server.close()
    expect(await failure).toMatchObject({ message: 'fetch failed' })
  })

  it('refuses chosen items of a batch, by place or by what they contain', async () => {
    await order({ on: 'batch', count: 1, fault: { do: 'refuse_items', indexes: [1], containing: ['"u3"'] } })
    await expect(track.batch(batchOf(5))).resolves.toMatchObject({ errors: [{ batch_index: 1 }, { batch_index: 3 }] })
    expect(server.workspace.people.size).toBe(3)
  })

  it('refuses items at random, the same ones in every run', async () => {
    const refusedIn = async () => {
      const fresh = await startTestCustomerIo({ seed: 7 })
      fresh.orders.add({ on: 'batch', fault: { do: 'refuse_items', probability: 0.3 } })
      const client = new TrackClient('site', 'track-key', { url: fresh.trackUrl, retry: { maxRetries: 0 } })
      const { errors } = (await client.batch(batchOf(100))) as { errors: { batch_index: number }[] }
      await fresh.close()
      return errors.map(({ batch_index }) => batch_index)
    }
    const refused = await refusedIn()
    expect(refused.length).toBeGreaterThan(15)
    expect(refused.length).toBeLessThan(45)
    expect(await refusedIn()).toEqual(refused)
  })

  it('refuses a whole batch for one item in it', async () => {
    await order({ on: 'batch', containing: ['"u2"'], fault: { do: 'refuse' } })
    const failure = await failureOf(track.batch(batchOf(4)))
    if (!(failure instanceof CustomerIORequestError)) throw new Error('expected a 400')
    expect([failure.statusCode, JSON.parse(failure.body)]).toEqual([
      400,
      { errors: [{ reason: 'invalid', field: 'batch', message: 'refused by order' }] },
    ])
    await expect(track.batch(batchOf(2))).resolves.toEqual({})
    expect(server.workspace.people.size).toBe(2)
  })

  it('limits the rate with and without Retry-After, and says 413 and 401', async () => {
    await order({ count: 1, fault: { do: 'rate_limit', retryAfterSeconds: 3 } })
    await order({ count: 1, fault: { do: 'rate_limit' } })
    await order({ count: 1, fault: { do: 'too_large' } })
    await order({ count: 1, fault: { do: 'unauthorized' } })
    const failures: unknown[] = []
    for (let n = 0; n < 4; n++) failures.push(await failureOf(track.batch(batchOf(1))))
    expect(failures).toMatchObject([
      { statusCode: 429, response: { headers: { 'retry-after': '3' } } },
      { statusCode: 429, response: { headers: expect.not.objectContaining({ 'retry-after': expect.anything() }) } },
      { statusCode: 413 },
      { statusCode: 401 },
    ])
  })

  it('hits only some requests, after leaving the first ones alone', async () => {
    await order({ on: 'track', skip: 2, probability: 0.5, fault: { do: 'answer', status: 500 } })
    const statuses: string[] = []
    server.events.on('answered', ({ status }) => statuses.push(status))
    for (let n = 0; n < 22; n++) await failureOf(track.entity(identify('u1')))
    expect(statuses.slice(0, 2)).toEqual(['200', '200'])
    expect(statuses.filter((status) => status === '500').length).toBe(server.orders.list()[0]?.hits)
    expect(new Set(statuses)).toEqual(new Set(['200', '500']))
  })

  it('is listed, and taken back one by one or all at once', async () => {
    await order({ fault: { do: 'hang' } })
    await order({ on: 'send', fault: { do: 'reset' } })
    const listed = await fetch(`${server.url}/_local/faults`).then((response) => response.json())
    expect(listed).toMatchObject({
      orders: [
        { id: 1, on: 'any', hits: 0 },
        { id: 2, on: 'send' },
      ],
    })
    await fetch(`${server.url}/_local/faults/1`, { method: 'DELETE' })
    await expect(track.entity(identify('u1'))).resolves.toEqual({})
    await fetch(`${server.url}/_local/faults`, { method: 'DELETE' })
    expect(server.orders.list()).toEqual([])
  })

  it('is refused with the reason when it cannot be understood', async () => {
    const response = await fetch(`${server.url}/_local/faults`, {
      method: 'POST',
      body: '{"on":"batch","fault":{"do":"dance"}}',
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringContaining('fault') })
  })
})

describe('a host that is gone', () => {
  it('refuses connections, and has kept its state when it is back', async () => {
    await track.entity(identify('u1'))
    await server.down()
    expect(server.isUp).toBe(false)
    expect(await failureOf(track.entity(identify('u2')))).toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await server.up()
    expect(server.isUp).toBe(true)
    await expect(track.entity(identify('u3'))).resolves.toEqual({})
    expect(server.workspace.people.size).toBe(2)
  })
})

describe('the local look-ups', () => {
  const get = (path: string) => fetch(`${server.url}/_local/${path}`).then((response) => response.json())

  it('list what was received, page by page and by kind', async () => {
    await track.batch(batchOf(3))
    await track.track('u1', { name: 'ordered' })
    await sendEmail()
    const page = (await get('inbox?limit=2')) as { entries: unknown[]; next: number }
    expect(page).toMatchObject({ entries: [{ seq: 1, kind: 'identify', result: 'applied' }, { seq: 2 }], next: 2 })
    expect(await get(`inbox?limit=9&after=${page.next}`)).toMatchObject({
      entries: [{ seq: 3 }, { seq: 4 }, { seq: 5 }],
      next: null,
    })
    expect(await get('inbox?kind=send,event')).toMatchObject({ entries: [{ kind: 'event' }, { kind: 'send.email' }] })
    expect(await get('inbox?containing=ada')).toMatchObject({ entries: [{ kind: 'send.email' }] })
    await fetch(`${server.url}/_local/inbox`, { method: 'DELETE' })
    expect(await get('inbox')).toEqual({ entries: [], next: null })
  })

  it('show a person, events, sends and the counts', async () => {
    await track.identify('u1', { email: 'ada@example.com' })
    await track.track('u1', { name: 'ordered' })
    await sendEmail()
    expect(await get('people/ada@example.com')).toMatchObject({
      suppressed: false,
      person: { identifiers: { id: 'u1', email: 'ada@example.com' } },
      events: [{ name: 'ordered', receipts: 1 }],
    })
    expect(await get('people')).toMatchObject({ total: 1, entries: [{ identifiers: { id: 'u1' } }] })
    expect(await get('events')).toMatchObject({ total: 1 })
    expect(await get('sends')).toMatchObject({
      total: 1,
      entries: [{ channel: 'email', recipient: 'ada@example.com' }],
    })
    expect(await get('stats')).toMatchObject({
      requests: 3,
      operations: 2,
      sends: 1,
      people: 1,
      events: { received: 1, distinct: 1 },
    })
    await track.suppress('u1')
    expect(await get('people/u1')).toEqual({ suppressed: true, person: null })
    expect(await get('people/u9')).toMatchObject({ error: expect.any(String) })
    await fetch(`${server.url}/_local/state`, { method: 'DELETE' })
    expect(await get('stats')).toMatchObject({ requests: 0, people: 0, sends: 0 })
  })

  it('answer what they cannot read or do not have', async () => {
    expect(await get('people/%ff')).toEqual({ error: 'the path has broken percent-encoding' })
    expect(await get('inbox?limit=many')).toEqual({ error: expect.stringContaining('limit') })
    expect(await get('weather')).toEqual({ error: expect.stringContaining('not found') })
  })

  it('replace credentials', async () => {
    await fetch(`${server.url}/_local/credentials`, { method: 'PUT', body: '{"trackApiKeys":[]}' })
    expect(await failureOf(track.identify('u1', {}))).toMatchObject({ statusCode: 401 })
  })
})

describe('waiting for something to have been received', () => {
  it('ends with the request that makes it so', async () => {
    const waiting = server.until(() => server.workspace.people.size === 1)
    await track.entity(identify('u1'))
    await waiting
    await server.until(() => true)
    await expect(server.until(() => server.workspace.people.size === 2, 10)).rejects.toThrow('not so within 10 ms')
  })

  it('is told by events too', async () => {
    const received = once(server.events, 'received')
    await track.batch(batchOf(1))
    expect(await received).toEqual([{ endpoint: 'v2/batch', kind: 'batch', budget: 'track', body: expect.any(Buffer) }])
  })
})

describe('for benches', () => {
  it('counts without storing', async () => {
    const bench = await startTestCustomerIo({ storeInbox: 'count' })
    const client = new TrackClient('site', 'track-key', { url: bench.trackUrl, retry: { maxRetries: 0 } })
    await Promise.all(Array.from({ length: 20 }, () => client.batch(batchOf(100))))
    expect(bench.statistics()).toMatchObject({ requests: 20, operations: 2_000, batches: { largest: 100, mean: 100 } })
    expect([bench.inbox.size, bench.workspace.people.size]).toEqual([0, 0])
    await bench.close()
  })

  it('limits the rate as asked, and tells the peak', async () => {
    const nowMs = 5_000
    const limited = await startTestCustomerIo({ requestsPerSecond: 3, now: () => nowMs })
    const client = new TrackClient('site', 'track-key', { url: limited.trackUrl, retry: { maxRetries: 0 } })
    const answers = await Promise.all(Array.from({ length: 5 }, () => failureOf(client.entity(identify('u1')))))
    expect(
      answers.filter((answer) => answer instanceof CustomerIORequestError && answer.statusCode === 429),
    ).toHaveLength(2)
    expect(limited.statistics().peakRequestsPerSecond).toBe(5)
    await limited.close()
  })
})
