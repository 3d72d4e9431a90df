import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { type CustomerIoServer, startCustomerIo } from '../../scripts/emulators/customerio/index.ts'
import { type FirestoreFault, type FirestoreServer, startFirestore } from '../../scripts/emulators/firestore/index.ts'
import { pushBody } from '../../scripts/testing/push.ts'
import { steadyClock } from '../../shared/clock/index.ts'
import { createFunction, leaveBodiesUnread } from '../../shared/runtime/index.ts'
import { transactionalFunction } from './handler.ts'

const sms = { channel: 'sms', transactional_message_id: 5, to: '+15550100', identifiers: { id: 'u1' } }
let customerio: CustomerIoServer
let firestore: FirestoreServer
let fault: FirestoreFault | undefined
let server: Server
let url: string
let env: Record<string, string>
let lines: Record<string, unknown>[] = []
let isDraining = false

beforeAll(async () => {
  ;[customerio, firestore] = await Promise.all([
    startCustomerIo({ port: 0, deliveryDelayMs: 0, siteId: 'site', trackApiKey: 'track-key', appApiKey: 'app-key' }),
    startFirestore({ port: 0, fault: () => fault }),
  ])
  // Firestore's client reads it by itself.
  process.env.FIRESTORE_EMULATOR_HOST = firestore.host
  env = {
    GOOGLE_CLOUD_PROJECT: 'local-project',
    MAX_DELIVERY_ATTEMPTS: '100',
    ACK_DEADLINE_SECONDS: '60',
    DEAD_LETTER_TOPIC: 'transactional-dead-letter',
    CUSTOMERIO_REGION: 'us',
    CUSTOMERIO_APP_URL: customerio.appUrl,
    CUSTOMERIO_APP_API_KEY: 'app-key',
    CUSTOMERIO_REQUESTS_PER_SECOND: '1000',
    SEND_LEDGER_DATABASE: 'send-ledger',
    PERSON_HASH_KEYS: 'a key of thirty-two characters..',
    SEND_LEDGER_CLAIM_TIMEOUT_MS: '1000',
  }
  leaveBodiesUnread()
  const output = { write: (line: string) => void lines.push(JSON.parse(line)) }
  http(
    'transactional-under-test',
    createFunction(transactionalFunction({ newToken: randomUUID, addListeners: () => {} }), {
      env,
      output,
      clock: steadyClock,
      random: Math.random,
      drain: { begin: () => true, isDraining: () => isDraining },
    }),
  )
  server = getTestServer('transactional-under-test')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
  // The first request to Firestore takes as long as its client to load.
  await acknowledged()
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await Promise.all([customerio.close(), firestore.close()])
})
beforeEach(() => {
  fault = undefined
  lines = []
})

async function push(): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const { status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify(pushBody(sms)) })
  return status
}
/** Pushes other messages until one is acknowledged. */
async function acknowledged(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await push()) === 204) return
    await delay(50)
  }
  throw new Error(`not acknowledged: ${JSON.stringify(lines.slice(-4))}`)
}
const errors = () => lines.filter(({ severity }) => severity === 'ERROR')

it('a ledger that is denied is an ERROR with the gRPC code, once per failure, and nothing is sent', async () => {
  fault = 'denied'
  const sends = customerio.workspace.sends.length
  expect(await push()).toBe(503)
  expect(errors()).toEqual([
    expect.objectContaining({ event: 'ledger_failed', operation: 'before_the_call', error: 'PERMISSION_DENIED (7)' }),
  ])
  expect(lines.at(-1)).toMatchObject({ event: 'message', outcome: 'retry', cause: 'transient', reason: 'ledger' })
  expect(customerio.workspace.sends).toHaveLength(sends)
})

it('begins no send once the process shuts down: it could be cut off', async () => {
  const sends = customerio.workspace.sends.length
  isDraining = true
  expect(await push()).toBe(503)
  isDraining = false
  expect(lines.at(-1)).toMatchObject({ outcome: 'retry', cause: 'busy', error: 'this instance shuts down' })
  expect(customerio.workspace.sends).toHaveLength(sends)
})

it('without hash keys every message waits, is an ERROR, and nothing is sent or written', async () => {
  const sends = customerio.workspace.sends.length
  for (const keys of ['unset', 'too short']) {
    const without = createFunction(transactionalFunction({ newToken: randomUUID, addListeners: () => {} }), {
      env: { ...env, PERSON_HASH_KEYS: keys },
      output: { write: (line: string) => void lines.push(JSON.parse(line)) },
      clock: steadyClock,
      random: Math.random,
      drain: { begin: () => true, isDraining: () => false },
    })
    http('transactional-without-keys', without)
    const other = getTestServer('transactional-without-keys')
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(pushBody(sms))
    const answer = await fetch(`http://127.0.0.1:${address.port}`, { method: 'POST', headers, body })
    other.closeAllConnections()
    other.close()
    expect(answer.status).toBe(503)
  }
  expect(errors().map(({ error }) => error)).toEqual(Array(2).fill(expect.stringContaining('PERSON_HASH_KEYS')))
  expect(customerio.workspace.sends).toHaveLength(sends)
})

it('a ledger that fails after the call is an ERROR too, and what was sent is acknowledged', async () => {
  customerio.events.once('received', () => {
    fault = 'denied'
  })
  expect(await push()).toBe(204)
  expect(errors()).toEqual([
    expect.objectContaining({
      event: 'ledger_write_failed',
      operation: 'after_the_call',
      error: 'PERMISSION_DENIED (7)',
    }),
  ])
})

it('says in the log that sends pause after an uncertain answer, why messages wait, and that sends go on', async () => {
  customerio.orders.add({ on: 'send', count: 1, fault: { do: 'answer', status: 502 } })
  expect(await push()).toBe(503)
  expect(lines.at(-1)).toMatchObject({ outcome: 'retry', reason: 'server_error', http_status: 502 })
  expect(await push()).toBe(503)
  expect(lines.at(-1)).toMatchObject({ outcome: 'retry', cause: 'busy', error: expect.stringMatching(/^sends pause/) })
  await acknowledged()
  const events = lines.map(({ event, severity }) => `${severity} ${event}`)
  expect(events).toEqual(expect.arrayContaining(['WARNING sends_paused', 'INFO sends_resumed']))
})
