import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../scripts/emulators/pubsub/index.ts'
import { registerFunction } from '../../scripts/testing/push.ts'
import { type Sent, send, webhook } from './testing.ts'

/** The function as it is deployed: a process of its own under the framework's command line, every line of its output kept. */

const KEYS = 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS'
const folder = mkdtempSync(join(tmpdir(), 'webhook-'))
let pubsub: PubSubServer
let running: ChildProcess
let port: number
let output = ''

beforeAll(async () => {
  pubsub = await startPubSub({ port: 0 })
  const client = new PubSub({ projectId: 'p', apiEndpoint: `http://${pubsub.host}`, emulatorMode: true })
  await client.createTopic('webhook-events')
  await client.close()
  writeFileSync(join(folder, 'keys'), 'current\n')
  port = await freePort()
  const framework = dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework'))
  const options = ['--target=webhook', `--source=${join(import.meta.dirname, 'index.ts')}`]
  running = spawn(process.execPath, [join(framework, 'main.js'), ...options], {
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      PUBSUB_EMULATOR_HOST: pubsub.host,
      METADATA_SERVER_DETECTION: 'none',
      GOOGLE_CLOUD_PROJECT: 'p',
      WEBHOOK_EVENTS_TOPIC: 'webhook-events',
      [`${KEYS}_FILE`]: join(folder, 'keys'),
    },
  })
  for (const stream of [running.stdout, running.stderr]) stream?.on('data', (chunk) => (output += chunk))
  while (!output.includes('URL:')) await once(running.stdout ?? running, 'data')
})

afterAll(async () => {
  running.kill('SIGKILL')
  rmSync(folder, { recursive: true })
  await pubsub.close()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const eventOf = (id: number) =>
  JSON.stringify({ event_id: `e${id}`, object_type: 'email', metric: 'sent', data: { subject: `Subject ${id}` } })

/** One of each kind of forgery, in turn. */
function forged(id: number): Sent {
  const body = eventOf(id)
  const genuine = webhook('current', body)
  const { 'x-cio-signature': signature = '', ...unsigned } = genuine.headers
  const withSignature = (value: string | string[]) => ({ body, headers: { ...unsigned, 'x-cio-signature': value } })
  const kinds: readonly (() => Sent)[] = [
    () => webhook('retired', body),
    () => webhook(`guess ${id}`, body),
    () => ({ ...genuine, body: body.replace('Subject', 'subject') }),
    () => ({ ...genuine, body: body.slice(0, 1 + (id % (body.length - 1))) }),
    () => ({ ...genuine, body: '' }),
    () => ({ ...genuine, headers: { ...genuine.headers, 'x-cio-timestamp': '1763740001' } }),
    () => ({ body, headers: unsigned }),
    () => ({ body: body.slice(0, -5), headers: { 'content-type': 'application/json' } }),
    () => ({ body, headers: { 'content-type': 'application/json; charset=klingon' } }),
    () => ({ body, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, path: '/%zz' }),
    () => withSignature(String(signature).toUpperCase()),
    () => withSignature(String(signature).slice(2)),
    () => withSignature([String(signature), String(signature)]),
    () => withSignature('0'.repeat(64)),
  ]
  const kind = kinds[id % kinds.length]
  return kind === undefined ? genuine : kind()
}

it('accepts none of 10,000 forged webhooks, and every genuine one in their midst', async () => {
  const published = new Promise<void>((resolve) => {
    let count = 0
    pubsub.events.on('published', () => {
      count += 1
      if (count === 10) resolve()
    })
  })
  const answers = new Map<string, number>()
  let next = 0
  async function sendInTurn(): Promise<void> {
    while (next < 10_000) {
      const id = next
      next += 1
      const { status } = await send(port, forged(id))
      answers.set(`forged ${status}`, (answers.get(`forged ${status}`) ?? 0) + 1)
      if (id % 1_000 !== 500) continue
      const genuine = await send(port, webhook('current', eventOf(id)))
      answers.set(`genuine ${genuine.status}`, (answers.get(`genuine ${genuine.status}`) ?? 0) + 1)
    }
  }
  // Twice what one instance is given at a time.
  await Promise.all(Array.from({ length: 64 }, sendInTurn))
  expect(Object.fromEntries(answers)).toEqual({ 'forged 401': 10_000, 'genuine 204': 10 })
  await published
}, 120_000)

it('logs one structured line a webhook, at most a warning for a forged one, and no exception', async () => {
  const socket = connect(port, '127.0.0.1')
  socket.end('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"cut off')
  await once(socket.resume(), 'close')
  await send(port, webhook('current', eventOf(1)))
  const lastLine = `"event_id":"e1"`
  while (!output.includes(lastLine)) await once(running.stdout ?? running, 'data')

  const lines = output
    .trim()
    .split('\n')
    .filter((line) => !/^(Serving function|Function:|Signature type:|URL:)/.test(line))
  const severities = new Map<unknown, number>()
  for (const line of lines) {
    const { severity, event } = JSON.parse(line)
    expect(event).toBe('webhook')
    severities.set(severity, (severities.get(severity) ?? 0) + 1)
  }
  expect(Object.fromEntries(severities)).toEqual({ WARNING: expect.any(Number), INFO: 11 })
  expect(output).not.toMatch(/error|exception|\n\s+at /i)
})

it('takes signed webhooks unread where it shares a process with other functions', async () => {
  const environment = { ...process.env }
  Object.assign(process.env, { GOOGLE_CLOUD_PROJECT: 'p', WEBHOOK_EVENTS_TOPIC: 'webhook-events', LOG_LEVEL: 'ERROR' })
  Object.assign(process.env, { [KEYS]: 'current', PUBSUB_EMULATOR_HOST: pubsub.host })
  await registerFunction('webhook')
  const { getTestServer } = await import('@google-cloud/functions-framework/testing')
  const server = getTestServer('webhook').listen(0)
  await once(server, 'listening')
  const address = server.address()
  const shared = typeof address === 'object' && address !== null ? address.port : 0
  expect((await send(shared, webhook('current', '{ not json'))).status).toBe(204)
  expect((await send(shared, webhook('forged', '{ not json'))).status).toBe(401)
  server.close()
  server.closeAllConnections()
  process.env = environment
})
