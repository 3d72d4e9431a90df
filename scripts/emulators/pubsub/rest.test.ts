import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import type { Schedule } from './clock.ts'
import type { PubSubServer } from './index.ts'
import { Started } from './testing/started.ts'

/** What only the REST API has: JSON that is wrong, paths, verbs, and a port that it shares with gRPC. */
const started = new Started()
let server: PubSubServer

beforeAll(async () => {
  server = await started.pubSub()
  await call('PUT', 'topics/track')
  await call('PUT', 'subscriptions/track', { topic: 'projects/p/topics/track' })
})
afterAll(() => started.close())

async function call(verb: string, path: string, body?: unknown): Promise<[number, unknown]> {
  const response = await fetch(`http://${server.host}/v1/projects/p/${path}`, {
    method: verb,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  expect(response.headers.get('content-type')).toBe('application/json; charset=UTF-8')
  return [response.status, await response.json()]
}

const refused = (code: number, status: string, message: string) => [
  code,
  { error: { code, status, message: expect.stringContaining(message) } },
]

it.each<[string, string, unknown, number, string, string]>([
  ['JSON that is none', 'topics/track:publish', '{', 400, 'INVALID_ARGUMENT', 'Invalid JSON payload'],
  ['JSON that is no object', 'topics/track:publish', '[]', 400, 'INVALID_ARGUMENT', 'Invalid JSON payload'],
  ['no body', 'topics/track:publish', '', 400, 'INVALID_ARGUMENT', 'no messages'],
  [
    'an unknown name',
    'topics/track:publish',
    { messages: [{ body: 'x' }] },
    400,
    'INVALID_ARGUMENT',
    `Unknown name "body" at 'messages[0]'`,
  ],
  [
    'a name that every object has',
    'topics/track:publish',
    '{"__proto__":1}',
    400,
    'INVALID_ARGUMENT',
    'Unknown name "__proto__"',
  ],
  [
    'data that is no base64',
    'topics/track:publish',
    { messages: [{ data: '***' }] },
    400,
    'INVALID_ARGUMENT',
    `Invalid value at 'messages[0].data'`,
  ],
  [
    'half a byte',
    'topics/track:publish',
    { messages: [{ data: 'a' }] },
    400,
    'INVALID_ARGUMENT',
    `Invalid value at 'messages[0].data'`,
  ],
  [
    'attributes that are no texts',
    'topics/track:publish',
    { messages: [{ attributes: { a: 1 } }] },
    400,
    'INVALID_ARGUMENT',
    `Invalid value at 'messages[0].attributes.a'`,
  ],
  [
    'messages that are no list',
    'topics/track:publish',
    { messages: {} },
    400,
    'INVALID_ARGUMENT',
    `Invalid value at 'messages'`,
  ],
  [
    'a number that is none',
    'subscriptions/track:pull',
    { maxMessages: 'x' },
    400,
    'INVALID_ARGUMENT',
    `Invalid value at 'maxMessages'`,
  ],
  [
    'a deadline out of range',
    'subscriptions/track:modifyAckDeadline',
    { ackIds: ['x'], ackDeadlineSeconds: 601 },
    400,
    'INVALID_ARGUMENT',
    'ack_deadline_seconds',
  ],
  ['a method that is not there', 'topics/track:drain', {}, 404, 'NOT_FOUND', 'Pub/Sub has no POST'],
  ['a method that this server has not', 'subscriptions/track:detach', {}, 501, 'UNIMPLEMENTED', 'detachSubscription'],
  ['a name that is not URL-encoded', 'topics/%:publish', {}, 400, 'INVALID_ARGUMENT', 'Invalid name'],
])('refuses %s', async (_what, path, body, code, status, message) => {
  expect(await call('POST', path, body)).toEqual(refused(code, status, message))
})

it('refuses what exists already with 409, and a body of more than 10 MiB with 400', async () => {
  expect(await call('PUT', 'topics/track')).toEqual(refused(409, 'ALREADY_EXISTS', 'already exists'))
  const body = { messages: [{ data: 'a'.repeat(10_485_760) }] }
  expect(await call('POST', 'topics/track:publish', body)).toEqual(refused(400, 'INVALID_ARGUMENT', '10485760 bytes'))
})

it('writes and reads durations, masks and names in either spelling', async () => {
  const created = {
    topic: 'projects/p/topics/track',
    ack_deadline_seconds: '20',
    retryPolicy: { minimumBackoff: '1.5s', maximumBackoff: '60s' },
    pushConfig: {},
    messageRetentionDuration: '600s',
  }
  const resource = {
    name: 'projects/p/subscriptions/durations',
    topic: 'projects/p/topics/track',
    ackDeadlineSeconds: 20,
    retryPolicy: { minimumBackoff: '1.500s', maximumBackoff: '60s' },
    pushConfig: {},
    messageRetentionDuration: '600s',
  }
  expect(await call('PUT', 'subscriptions/durations', created)).toEqual([200, resource])
  const change = { subscription: { ackDeadlineSeconds: 40 }, updateMask: 'ackDeadlineSeconds' }
  expect(await call('PATCH', 'subscriptions/durations', change)).toEqual([200, { ...resource, ackDeadlineSeconds: 40 }])
  expect(await call('GET', 'subscriptions/durations?alt=json&$.xgafv=1')).toEqual([
    200,
    { ...resource, ackDeadlineSeconds: 40 },
  ])
  expect(await call('DELETE', 'subscriptions/durations')).toEqual([200, {}])
  expect(await call('GET', 'subscriptions/durations')).toEqual(refused(404, 'NOT_FOUND', 'subscriptions/durations'))
})

it('seeks to a time', async () => {
  const seek = (time: string) => call('POST', 'subscriptions/track:seek', { time })
  expect(await seek('2026-01-01T00:00:00.5Z')).toEqual([200, {}])
  expect(await seek('yesterday')).toEqual(refused(400, 'INVALID_ARGUMENT', `Invalid value at 'time'`))
})

it('keeps a message for the next puller when the first hangs up while it waits', async () => {
  const waits = new EventEmitter()
  // Time stands still: nothing but the caller ends the wait.
  const schedule: Schedule = () => {
    waits.emit('scheduled')
    return () => waits.emit('cancelled')
  }
  const { host } = await started.pubSub({ schedule })
  const post = (path: string, body: unknown, options: RequestInit = {}) =>
    fetch(`http://${host}/v1/projects/p/${path}`, { method: 'POST', body: JSON.stringify(body), ...options })
  await post('topics/slow', {}, { method: 'PUT' })
  await post('subscriptions/slow', { topic: 'projects/p/topics/slow' }, { method: 'PUT' })
  const hangUp = new AbortController()
  const atServer = once(waits, 'scheduled')
  const first = post('subscriptions/slow:pull', { maxMessages: 1 }, { signal: hangUp.signal })
  await atServer
  const noticed = once(waits, 'cancelled')
  hangUp.abort()
  await expect(first).rejects.toThrow()
  await noticed
  await post('topics/slow:publish', { messages: [{ data: 'YQ==' }] })
  const answer = await (await post('subscriptions/slow:pull', { maxMessages: 1 })).json()
  expect(answer).toMatchObject({ receivedMessages: [{ message: { data: 'YQ==' } }] })
})

it.each([
  {
    version: 'HTTP/1.1',
    request: Buffer.from('GET /v1/projects/p/topics/track HTTP/1.1\r\nHost: x\r\n\r\n'),
    answer: (bytes: Buffer) => bytes.toString().startsWith('HTTP/1.1 200 OK'),
  },
  {
    version: 'HTTP/2',
    // The preface and an empty frame of settings; the server's settings come first.
    request: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0'),
    answer: (bytes: Buffer) => bytes[3] === 4,
  },
])('speaks $version, however the first bytes are cut', async ({ request, answer }) => {
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const answered = once(socket, 'data')
  for (const [start, end] of [
    [0, 1],
    [1, 2],
    [2, request.length],
  ] as const) {
    socket.write(request.subarray(start, end))
    await new Promise((resolve) => setTimeout(resolve, 5)) // each part in a packet of its own
  }
  const [first] = await answered
  expect(answer(first)).toBe(true)
  socket.destroy()
})
