import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { systemClock } from '../clock/index.ts'
import { createLog } from '../logging/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { caughtUp, leaveBodiesUnread } from '../runtime/index.ts'
import type { BulkLane } from './handler.ts'
import { failureOf, type ParseResult, type PushFunction } from './handler.ts'
import { createPushHandler, type DeadLetter } from './index.ts'
import type { ReceivedMessage } from './push.ts'

const MAX_ATTEMPTS = 100
const servers: Server[] = []
beforeAll(() => void leaveBodiesUnread())
afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))))

/** The handler on the functions framework, on a real port, with what it published and logged. */
async function start(
  work: Partial<PushFunction<string>>,
  publish?: () => Promise<void>,
  bodyMemoryBytes = 300_000_000,
  bulkLane?: BulkLane,
) {
  const deadLetters: DeadLetter[] = []
  const lines: Record<string, unknown>[] = []
  const handler = createPushHandler<string>({
    work: {
      parse: (message): ParseResult<string> => ({ ok: true, value: message.data.toString() }),
      deliver: async (): Promise<Outcome> => ({ kind: 'delivered' }),
      ...work,
    },
    deadLetters: {
      publish: async (deadLetter) => {
        await publish?.()
        deadLetters.push(deadLetter)
      },
    },
    ...(bulkLane !== undefined && { bulkLane }),
    record: { topic: 'track' },
    maxDeliveryAttempts: MAX_ATTEMPTS,
    bodyMemoryBytes,
    ackDeadlineMs: 60_000,
    log: createLog({
      clock: systemClock,
      functionName: 'test',
      projectId: 'p',
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
    clock: systemClock,
    caughtUp,
  })
  http('push-handler-test', handler)
  const server = getTestServer('push-handler-test')
  servers.push(server)
  server.listen(0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const post = (body: unknown) =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return { url, post, deadLetters, lines }
}

function push(data: string, overrides: { deliveryAttempt?: number; attributes?: Record<string, string> } = {}) {
  return {
    message: {
      data: Buffer.from(data).toString('base64'),
      messageId: '17',
      publishTime: '2026-11-21T10:00:00Z',
      attributes: overrides.attributes ?? {},
    },
    subscription: 'projects/p/subscriptions/track',
    deliveryAttempt: overrides.deliveryAttempt ?? 1,
  }
}

const retry: Outcome = { kind: 'retry', cause: 'transient', error: 'Customer.io answered 503', httpStatus: 503 }

it('counts the memory of lists and objects, which take far more than their text', async () => {
  const held = Promise.withResolvers<Outcome>()
  const delivering = Promise.withResolvers<void>()
  const { post, lines } = await start({
    deliver: () => {
      delivering.resolve()
      return held.promise
    },
  })
  // 6 MB of push count as 61 MB of memory, and parsed as 97 MB more: of the 300 MB there are, two take too much.
  const dense = push(`[${'{},'.repeat(95_000)}${' '.repeat(4_300_000)}0]`)
  const first = post(dense)
  await delivering.promise
  expect((await post(dense)).status).toBe(503)
  expect(lines).toContainEqual(expect.objectContaining({ event: 'message_not_read', reason: 'no_room' }))
  held.resolve({ kind: 'delivered' })
  expect((await first).status).toBe(204)
  expect((await post(dense)).status).toBe(204)
})

it('acknowledges what was delivered, with one log line', async () => {
  const seen: ReceivedMessage[] = []
  const { post, deadLetters, lines } = await start({
    deliver: async (_value, message) => {
      seen.push(message)
      return { kind: 'delivered', batchSize: 12 }
    },
  })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const answer = await post(push('{"a":1}', { attributes: { traceparent } }))
  expect(answer.status).toBe(204)
  expect(seen[0]?.data.toString()).toBe('{"a":1}')
  expect(deadLetters).toEqual([])
  expect(lines).toEqual([
    expect.objectContaining({
      severity: 'INFO',
      event: 'message',
      outcome: 'delivered',
      answer: 204,
      attempt: 1,
      batch_size: 12,
      'logging.googleapis.com/labels': { function: 'test' },
      'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
    }),
  ])
})

it('logs with the trace of the push when the publisher gave none', async () => {
  const { url, lines } = await start({})
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const headers = { 'content-type': 'application/json', traceparent }
  await fetch(url, { method: 'POST', headers, body: JSON.stringify(push('{"a":1}')) })
  expect(lines[0]).toMatchObject({
    'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
  })
})

it('dead-letters what breaks the contract after one attempt, with reason and original bytes, and acknowledges', async () => {
  const { post, deadLetters, lines } = await start({
    parse: () => ({ ok: false, reason: 'contract', error: 'attributes.plan: 1203 bytes, at most 1000' }),
  })
  expect((await post(push('{"b":2}'))).status).toBe(204)
  expect(deadLetters).toEqual([
    {
      data: Buffer.from('{"b":2}'),
      attributes: expect.objectContaining({ reason: 'contract', error: 'attributes.plan: 1203 bytes, at most 1000' }),
    },
  ])
  expect(lines).toEqual([expect.objectContaining({ severity: 'WARNING', outcome: 'refused', reason: 'contract' })])
})

it('dead-letters a body that is no base64, as it came', async () => {
  const { post, deadLetters } = await start({})
  const body = push('')
  expect((await post({ ...body, message: { ...body.message, data: '§' } })).status).toBe(204)
  const attributes = { reason: 'not_json', error: 'data: not valid base64' }
  expect(deadLetters[0]).toMatchObject({ data: Buffer.from('§'), attributes })
})

it('asks for another delivery when it may succeed later, and dead-letters nothing', async () => {
  const { post, deadLetters, lines } = await start({ deliver: async () => retry })
  for (const deliveryAttempt of [1, 50, MAX_ATTEMPTS - 4]) {
    expect((await post(push('{}', { deliveryAttempt }))).status).toBe(503)
  }
  expect(deadLetters).toEqual([])
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatchObject({ severity: 'INFO', outcome: 'retry', cause: 'transient', http_status: 503 })
  expect(lines[0]).not.toHaveProperty('error')
})

it('dead-letters a retry at the last attempts with its last error', async () => {
  const { post, deadLetters, lines } = await start({ deliver: async () => retry })
  expect((await post(push('{}', { deliveryAttempt: MAX_ATTEMPTS - 3 }))).status).toBe(204)
  expect(deadLetters[0]?.attributes).toMatchObject({
    reason: 'exhausted',
    error: 'Customer.io answered 503',
    http_status: '503',
    delivery_attempt: String(MAX_ATTEMPTS - 3),
  })
  expect(lines[0]).toMatchObject({ outcome: 'exhausted', reason: 'exhausted' })
})

it('does not acknowledge a message whose dead letter could not be published', async () => {
  const { post, deadLetters, lines } = await start(
    { parse: () => ({ ok: false, reason: 'not_json', error: 'no JSON' }) },
    () => Promise.reject(Object.assign(new Error('no permission for ann@example.com'), { code: 7 })),
  )
  expect((await post(push('x'))).status).toBe(503)
  expect(deadLetters).toEqual([])
  expect(lines[0]).toMatchObject({
    severity: 'ERROR',
    message: 'could not publish a dead letter; Pub/Sub will deliver the message again',
    event: 'dead_letter_failed',
    reason: 'not_json',
    error: expect.stringMatching(/^Error \(code 7\) at /),
  })
  expect(JSON.stringify(lines)).not.toContain('ann@example.com')
})

describe('what may move', () => {
  const flooded: Outcome = { kind: 'retry', cause: 'busy', error: 'not sent: key flooded', mayMove: true }

  it('is in the bulk lane before it is acknowledged, with its bytes and what it is known by', async () => {
    const copies: unknown[] = []
    const published = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const lane: BulkLane = {
      publish: (copy) => {
        copies.push(copy)
        begun.resolve()
        return published.promise
      },
    }
    const { post, deadLetters, lines } = await start({ deliver: async () => flooded }, undefined, undefined, lane)
    const answering = post(push('{ "a":1 }', { attributes: { idempotency_key: 'k' } }))
    await begun.promise
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toEqual([])
    published.resolve()
    expect((await answering).status).toBe(202)
    const origin = { source_message_id: '17', source_publish_time: '2026-11-21T10:00:00Z' }
    expect(copies).toEqual([
      { data: Buffer.from('{ "a":1 }'), attributes: { idempotency_key: 'k', ...origin, lane: 'bulk' } },
    ])
    expect(deadLetters).toEqual([])
    expect(lines).toEqual([
      expect.objectContaining({
        ...{ severity: 'INFO', message: 'moved to the bulk lane', event: 'message', message_id: '17' },
        ...{ outcome: 'retry', cause: 'busy', answer: 202 },
      }),
    ])
  })

  it('is delivered again when the publish is not certain', async () => {
    const lane = { publish: () => Promise.reject(Object.assign(new Error('about ann@example.com'), { code: 7 })) }
    const { post, lines } = await start({ deliver: async () => flooded }, undefined, undefined, lane)
    expect((await post(push('{}'))).status).toBe(503)
    expect(lines).toEqual([
      expect.objectContaining({
        ...{ severity: 'ERROR', event: 'move_failed', error: expect.stringMatching(/\(code 7\)/) },
        message: 'could not move a message to the bulk lane; Pub/Sub will deliver it again',
      }),
      expect.objectContaining({ message: 'will be delivered again', answer: 503 }),
    ])
    expect(JSON.stringify(lines)).not.toContain('ann@example.com')
  })

  it('is delivered again where there is no bulk lane, and so is what may not move', async () => {
    const copies: unknown[] = []
    const lane: BulkLane = { publish: async (copy) => void copies.push(copy) }
    const { post: postFlooded, lines } = await start({ deliver: async () => flooded })
    expect((await postFlooded(push('{}'))).status).toBe(503)
    expect(lines).toMatchObject([{ severity: 'INFO', message: 'will be delivered again' }])
    const { post } = await start({ deliver: async () => retry }, undefined, undefined, lane)
    expect((await post(push('{}'))).status).toBe(503)
    expect(copies).toEqual([])
  })
})

it('shouts when our own configuration is refused', async () => {
  const { post, lines } = await start({
    deliver: async () => ({
      kind: 'retry',
      cause: 'configuration',
      error: 'Customer.io answered 401',
      httpStatus: 401,
    }),
  })
  expect((await post(push('{}'))).status).toBe(503)
  expect(lines[0]).toMatchObject({ severity: 'ERROR', cause: 'configuration', error: 'Customer.io answered 401' })
})

it('delivers again after an unexpected error, whose words are not logged', async () => {
  const { post, lines } = await start({
    deliver: async () => {
      throw new TypeError('cannot read plan of ann@example.com')
    },
  })
  expect((await post(push('{}'))).status).toBe(503)
  const words = 'unexpected error; the message will be delivered again'
  expect(lines[0]).toMatchObject({ severity: 'ERROR', event: 'unexpected_error', message: words })
  expect(lines[0]?.error).toMatch(/^TypeError at .*handler\.test\.ts/)
  expect(lines[1]).toMatchObject({ outcome: 'retry', cause: 'transient', reason: 'unexpected', answer: 503 })
  expect(JSON.stringify(lines)).not.toContain('ann@example.com')
})

it('dead-letters a message at its last attempts whose work fails unexpectedly, and names the log', async () => {
  const { post, deadLetters } = await start({ deliver: () => Promise.reject(new TypeError('about ann@example.com')) })
  expect((await post(push('{}', { deliveryAttempt: MAX_ATTEMPTS - 3 }))).status).toBe(204)
  const error = 'unexpected error in the function; its log has the details'
  expect(deadLetters).toMatchObject([{ attributes: { reason: 'exhausted', error } }])
})

it('delivers again what fails unexpectedly while it is read', async () => {
  const error = Object.assign(new TypeError('about ann@example.com'), { stack: undefined })
  const { post, lines } = await start({
    parse: () => {
      throw error
    },
  })
  expect((await post(push('{}'))).status).toBe(503)
  expect(lines).toMatchObject([
    { event: 'unexpected_error', error: 'TypeError' },
    { event: 'message', outcome: 'retry', reason: 'unexpected', answer: 503 },
  ])
})

it('delivers again after something else than an Error was thrown', async () => {
  const { post, lines } = await start({ deliver: () => Promise.reject('no') })
  expect((await post(push('{}'))).status).toBe(503)
  expect(lines[0]).toMatchObject({ event: 'unexpected_error', error: 'string' })
})

it.each(['GET', 'PUT', 'DELETE'])('answers 405 to %s', async (method) => {
  const { url } = await start({})
  const answer = await fetch(url, { method })
  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe('POST')
  expect(await answer.text()).toMatch(/POST only/)
})

it('answers 400 to what is no Pub/Sub push', async () => {
  const { post, url, lines } = await start({})
  const answer = await post({ hello: 'world' })
  expect(answer.status).toBe(400)
  expect(await answer.text()).toMatch(/^not a Pub\/Sub push: message/)
  const warning = { severity: 'WARNING', event: 'not_a_push', answer: 400, message: 'request is no Pub/Sub push' }
  expect(lines).toMatchObject([warning])
  expect((await fetch(url, { method: 'POST' })).status).toBe(400)
})

it('takes a message of ten megabytes', async () => {
  let bytes = 0
  const { post } = await start({
    deliver: async (value) => {
      bytes = value.length
      return { kind: 'delivered' }
    },
  })
  expect((await post(push('x'.repeat(10_000_000)))).status).toBe(204)
  expect(bytes).toBe(10_000_000)
})

it('dead-letters only what can never succeed or has run out of attempts', () => {
  const refused: Outcome = { kind: 'refused', reason: 'refused', error: 'no', httpStatus: 400 }
  expect(failureOf(refused, 1, 100)).toEqual({ reason: 'refused', error: 'no', httpStatus: 400 })
  expect(failureOf(retry, 0, 5)).toBeUndefined()
  expect(failureOf(retry, 1, 5)).toBeUndefined()
  expect(failureOf(retry, 2, 5)).toEqual({ reason: 'exhausted', error: 'Customer.io answered 503', httpStatus: 503 })
})

/** As of a sender that goes away: before the function has read the request, or while it is handled. */
function send(url: string, body: unknown): Socket {
  const text = JSON.stringify(body)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
  return socket
}

describe('a push whose sender has gone', () => {
  it.each(['destroy', 'resetAndDestroy'] as const)('is not begun (%s)', async (end) => {
    const deliver = jest.fn(async (): Promise<Outcome> => ({ kind: 'delivered' }))
    const { url, post, lines } = await start({ deliver })
    const socket = send(url, push('gone'))
    await once(socket, 'connect')
    // Before the server, in this process as well, has had a turn to read.
    socket[end]()
    await once(socket, 'close')
    expect((await post(push('heard'))).status).toBe(204)
    expect(deliver.mock.calls).toEqual([['heard', expect.anything(), expect.anything()]])
    expect(lines).toHaveLength(1)
  })

  it('leaves no dead letter while it is handled: it is delivered again', async () => {
    const begun = Promise.withResolvers<void>()
    const { url, deadLetters, lines } = await start({
      async deliver(_value, _message, { untilRedeliveryMs }) {
        begun.resolve()
        while (untilRedeliveryMs() > 0) await new Promise((resolve) => setImmediate(resolve))
        return { kind: 'refused', reason: 'refused', error: 'Customer.io refused it' }
      },
    })
    const socket = send(url, push('gone'))
    await begun.promise
    socket.destroy()
    while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toMatchObject([{ outcome: 'refused', answer: 503 }])
    expect(deadLetters).toEqual([])
  })
})

describe('a message that a check stops', () => {
  const passes = (value: string) => ({ ok: true, value }) as const
  const checks = { expired: passes, cancelled: passes, guarded: passes }
  const hold = () => ({ ok: false, error: 'to: not on the list' }) as const

  it('is dead-lettered at its first attempt, with the reason, and is not delivered', async () => {
    const deliver = jest.fn(async (): Promise<Outcome> => ({ kind: 'delivered' }))
    const { post, deadLetters, lines } = await start({ checks: { ...checks, guarded: hold }, deliver })
    expect((await post(push('hello'))).status).toBe(204)
    expect(deliver).not.toHaveBeenCalled()
    expect(deadLetters).toMatchObject([{ attributes: { reason: 'guarded', error: 'to: not on the list' } }])
    expect(lines).toMatchObject([{ severity: 'INFO', outcome: 'guarded', reason: 'guarded', answer: 204 }])
  })

  it('comes again when its dead letter is not safe', async () => {
    const { post, lines } = await start({ checks: { ...checks, expired: hold } }, () =>
      Promise.reject(new Error('down')),
    )
    expect((await post(push('hello'))).status).toBe(503)
    expect(lines.at(-1)).toMatchObject({ outcome: 'expired', answer: 503 })
  })

  it('leaves no dead letter where the environment drops', async () => {
    const drop = () => ({ ...hold(), isDropped: true })
    const { post, deadLetters, lines } = await start({ checks: { ...checks, guarded: drop } })
    expect((await post(push('hello'))).status).toBe(204)
    expect(deadLetters).toEqual([])
    expect(lines).toMatchObject([{ outcome: 'guarded', note: 'dropped', answer: 204 }])
    expect(lines[0]).not.toHaveProperty('reason')
  })

  it('ends as the function says that knows of an earlier attempt', async () => {
    const withhold = async (): Promise<Outcome> => ({ kind: 'delivered', duplicate: true })
    const { post, deadLetters, lines } = await start({ checks: { ...checks, expired: hold }, withhold })
    expect((await post(push('hello'))).status).toBe(204)
    expect(deadLetters).toEqual([])
    expect(lines).toMatchObject([{ outcome: 'delivered', note: 'duplicate' }])
  })

  it('says when it comes again that an earlier attempt may have been delivered, unless it could not', async () => {
    const late = { ...checks, expired: hold }
    const { post, deadLetters } = await start({ checks: late })
    await post(push('hello', { deliveryAttempt: 2 }))
    const other = await start({ checks: { ...checks, guarded: hold } })
    await other.post(push('hello', { deliveryAttempt: 2 }))
    const errors = [...deadLetters, ...other.deadLetters].map(({ attributes }) => attributes.error)
    expect(errors).toEqual(['to: not on the list; an earlier attempt may have been delivered', 'to: not on the list'])
  })

  it('comes again while a check cannot tell', async () => {
    const unknown = { ok: false, retry: { ...retry, error: 'no answer' } } as const
    const { post, deadLetters, lines } = await start({ checks: { ...checks, cancelled: () => unknown } })
    expect((await post(push('hello'))).status).toBe(503)
    expect(deadLetters).toEqual([])
    expect(lines).toMatchObject([{ outcome: 'retry', cause: 'transient', answer: 503 }])
  })

  it('is known not to have been delivered at its first attempt, nor where nobody counts', async () => {
    const { post, deadLetters } = await start({ checks: { ...checks, expired: hold } })
    for (const deliveryAttempt of [0, 1]) await post(push('hello', { deliveryAttempt }))
    const errors = deadLetters.map(({ attributes }) => attributes.error)
    expect(errors).toEqual(['to: not on the list', 'to: not on the list'])
  })

  it('has no note of a change that was not delivered', async () => {
    const guarded = (value: string) => ({ ok: true, value, note: 'redirected' }) as const
    const { post, lines } = await start({ checks: { ...checks, guarded }, deliver: async () => retry })
    await post(push('hello'))
    expect(lines[0]).not.toHaveProperty('note')
  })

  it('keeps the note of its delivery where no check changed it', async () => {
    const older = { kind: 'delivered', note: 'older_time' } as const
    const { post, lines } = await start({ checks, deliver: async () => older })
    await post(push('hello'))
    expect(lines).toMatchObject([{ outcome: 'delivered', note: 'older_time' }])
  })

  it('is delivered as a check changed it, which the record says', async () => {
    const deliver = jest.fn(async (): Promise<Outcome> => ({ kind: 'delivered' }))
    const guarded = (value: string) => ({ ok: true, value: `${value} elsewhere`, note: 'redirected' }) as const
    const { post, lines } = await start({ checks: { ...checks, guarded }, deliver })
    expect((await post(push('hello'))).status).toBe(204)
    expect(deliver).toHaveBeenCalledWith('hello elsewhere', expect.anything(), expect.anything())
    expect(lines).toMatchObject([{ outcome: 'delivered', note: 'redirected' }])
  })
})
