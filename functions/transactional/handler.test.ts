import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import type { CustomerIoServer } from '../../scripts/emulators/customerio/index.ts'
import { type FirestoreFault, type FirestoreServer, startFirestore } from '../../scripts/emulators/firestore/index.ts'
import { startTestCustomerIo } from '../../scripts/testing/customerio.ts'
import { pushBody, serveFunction } from '../../scripts/testing/push.ts'
import { steadyClock } from '../../shared/clock/index.ts'
import { caughtUp, createFunction, leaveBodiesUnread } from '../../shared/runtime/index.ts'
import { transactionalFunction } from './handler.ts'

const sms = { channel: 'sms', transactional_message_id: 5, to: '+15550100', identifiers: { id: 'u1' } }
let customerio: CustomerIoServer
let firestore: FirestoreServer
let fault: FirestoreFault | undefined
let server: Server
let url: string
let env: Record<string, string>
let lines: Record<string, unknown>[] = []
let timeLeftMs = Number.POSITIVE_INFINITY
/** How long the process stands still just before its next claim, and has stood still. */
let [standsStillMs, stoodStillMs] = [0, 0]
const drain = {
  begin: () => true,
  // Asked last before a claim.
  timeLeftMs() {
    stoodStillMs += standsStillMs
    standsStillMs = 0
    return timeLeftMs
  },
}
const clock = { ...steadyClock, now: () => steadyClock.now() + stoodStillMs }

beforeAll(async () => {
  ;[customerio, firestore] = await Promise.all([startTestCustomerIo(), startFirestore({ port: 0, fault: () => fault })])
  // Firestore's client reads it by itself.
  env = {
    FIRESTORE_EMULATOR_HOST: firestore.host,
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
    RECIPIENTS: 'anyone',
    SEND_LEDGER_CLAIM_TIMEOUT_MS: '1000',
  }
  leaveBodiesUnread()
  const output = { write: (line: string) => void lines.push(JSON.parse(line)) }
  http(
    'transactional-under-test',
    createFunction(transactionalFunction({ newToken: randomUUID, addListeners: () => {} }), {
      env,
      output,
      clock,
      random: Math.random,
      drain,
      caughtUp,
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

async function push(more: object = {}, attributes: Record<string, string> = {}): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify(pushBody({ ...sms, ...more }, { attributes }))
  const { status } = await fetch(url, { method: 'POST', headers, body })
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

it('records that Customer.io holds a send until its time, or as a draft', async () => {
  const sendAt = Math.floor(Date.now() / 1_000) + 3_600
  expect(await push({ send_at: sendAt })).toBe(204)
  expect(await push({ queue_draft: true })).toBe(204)
  expect(lines.filter(({ event }) => event === 'message')).toMatchObject([
    { outcome: 'delivered', send_at: new Date(sendAt * 1_000).toISOString() },
    { outcome: 'delivered', queue_draft: true },
  ])
})

it('begins no send once the process shuts down: it could be cut off', async () => {
  const sends = customerio.workspace.sends.length
  timeLeftMs = 9_500
  expect(await push()).toBe(503)
  timeLeftMs = Number.POSITIVE_INFINITY
  expect(lines.at(-1)).toMatchObject({ outcome: 'retry', cause: 'busy', error: 'this instance shuts down' })
  expect(customerio.workspace.sends).toHaveLength(sends)
})

it('sends nothing for a push whose ack deadline is over: Pub/Sub delivers the message again', async () => {
  const sends = customerio.workspace.sends.length
  const attributes = { idempotency_key: 'stood-still' }
  standsStillMs = 60_001
  expect(await push({}, attributes)).toBe(503)
  const error = 'Pub/Sub waits for it no longer and delivers it again'
  expect(lines.at(-1)).toMatchObject({ outcome: 'retry', cause: 'busy', error })
  expect(customerio.workspace.sends).toHaveLength(sends)
  // Nothing holds the one that comes next, which is still in time.
  standsStillMs = 59_000
  expect(await push({}, attributes)).toBe(204)
  expect(customerio.workspace.sends).toHaveLength(sends + 1)
})

/** Another instance of the function, with its own ring. */
async function otherInstance(name: string, keys: Record<string, string>) {
  const { PERSON_HASH_KEYS: _, ...rest } = env
  const output = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const parts = { env: { ...rest, ...keys }, output, clock: steadyClock, random: Math.random, drain, caughtUp }
  http(name, createFunction(transactionalFunction({ newToken: randomUUID, addListeners: () => {} }), parts))
  return serveFunction(name)
}

it('without hash keys every message waits, is an ERROR, and nothing is sent or written', async () => {
  const sends = customerio.workspace.sends.length
  for (const [index, keys] of ['unset', 'too short'].entries()) {
    const other = await otherInstance(`transactional-without-keys-${index}`, { PERSON_HASH_KEYS: keys })
    expect(await other.push(sms)).toBe(503)
    await other.close()
  }
  const atStart = expect.objectContaining({ event: 'secret', secret: 'PERSON_HASH_KEYS' })
  const ofMessage = expect.objectContaining({ event: 'message', error: expect.stringContaining('PERSON_HASH_KEYS') })
  expect(errors()).toEqual([atStart, ofMessage, atStart, ofMessage])
  expect(customerio.workspace.sends).toHaveLength(sends)
})

describe('outside production', () => {
  const email = { channel: 'email', transactional_message_id: 5, to: 'jane@customer.org', identifiers: { id: 'u1' } }
  const outside = (name: string, rules: object) =>
    otherInstance(name, { PERSON_HASH_KEYS: 'a key of thirty-two characters..', RECIPIENTS: JSON.stringify(rules) })
  const heard = () => customerio.workspace.sends.map(({ body }) => body)

  it('sends nothing to a stranger, unless an operator released it', async () => {
    const other = await outside('guarded', { allow: ['@acme.com'], otherwise: 'drop' })
    const before = heard().length
    expect(await other.push(email, { messageId: 'guarded-1' })).toBe(204)
    expect(lines.at(-1)).toMatchObject({ event: 'message', outcome: 'guarded', note: 'dropped' })
    expect(heard()).toHaveLength(before)
    const attributes = { released: 'guarded', source_message_id: 'guarded-1' }
    expect(await other.push(email, { messageId: 'guarded-2', attributes })).toBe(204)
    expect(lines.at(-1)).toMatchObject({ event: 'message', outcome: 'delivered' })
    expect(heard().at(-1)).toMatchObject({ to: 'jane@customer.org' })
    await other.close()
  })

  it('redirects, once, what the ledger knows as the message that was published', async () => {
    const rules = { allow: ['@acme.com'], otherwise: 'redirect', redirect_to: { email: 'inbox@acme.com' } }
    const other = await outside('redirected', rules)
    const before = heard().length
    expect(await other.push(email, { messageId: 'redirected-1' })).toBe(204)
    expect(lines.at(-1)).toMatchObject({ outcome: 'delivered', note: 'redirected' })
    expect(await other.push(email, { messageId: 'redirected-1', deliveryAttempt: 2 })).toBe(204)
    expect(lines.at(-1)).toMatchObject({ outcome: 'delivered', note: 'duplicate' })
    await other.close()
    // The same key without the guard has the same content.
    const attributes = { source_message_id: 'redirected-1' }
    expect(await push(email, attributes)).toBe(204)
    expect(lines.at(-1)).toMatchObject({ outcome: 'delivered', note: 'duplicate' })
    expect(heard().slice(before)).toMatchObject([
      { to: 'inbox@acme.com', headers: { 'X-Intended-Recipient': 'jane@customer.org' } },
    ])
  })

  it('does not start without rules', async () => {
    const other = await otherInstance('without-rules', { PERSON_HASH_KEYS: 'a key', RECIPIENTS: '' })
    expect(await other.push(email)).toBe(503)
    expect(lines).toContainEqual(expect.objectContaining({ event: 'configuration_invalid' }))
    await other.close()
  })

  it('sends a message that has expired when it is released', async () => {
    const before = heard().length
    expect(await push(email, { expires_at: '1763740000', released: 'expired' })).toBe(204)
    expect(heard()).toHaveLength(before + 1)
  })
})

it('looks up first what an operator has cancelled, when an earlier attempt may have sent it', async () => {
  const [PERSON_HASH_KEYS, messageId, before] = [env.PERSON_HASH_KEYS ?? '', 'open', customerio.workspace.sends.length]
  const order = customerio.orders.add({ on: 'send', fault: { do: 'reset', processed: true } })
  const sender = await otherInstance('before-the-cancellation', { PERSON_HASH_KEYS })
  expect(await sender.push(sms, { messageId })).toBe(503)
  customerio.orders.remove(order)
  await sender.close()

  const before2099 = { before: '2099-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z' }
  const rule = { id: 'c-1', where: { template: '5' }, ...before2099, by: 'jane', why: 'wrong prices' }
  const CANCELLATIONS = JSON.stringify({ rules: [rule] })
  const keys = { PERSON_HASH_KEYS, CANCELLATIONS, SEND_LEDGER_SETTLE_SECONDS: '0' }
  const knowing = await otherInstance('after-the-cancellation', keys)
  expect(await knowing.push(sms, { messageId })).toBe(204)
  await knowing.close()
  expect(lines.at(-1)).toMatchObject({ event: 'message', outcome: 'delivered' })
  expect(customerio.workspace.sends).toHaveLength(before + 1)
})

describe('a record that was made with a key that this instance has not read yet', () => {
  const OLD = 'the old key of thirty-two letters'
  const NEW = 'the new key of thirty-two letters'
  let file: string
  beforeEach(async () => {
    file = join(await mkdtemp(join(tmpdir(), 'person-hash-keys-')), 'value')
    await writeFile(file, OLD)
  })
  afterEach(() => rm(dirname(file), { recursive: true }))

  /** Sends with a ring that this instance has not, as an instance does that has read it. */
  async function sentWithNewKey(messageIds: readonly string[]): Promise<void> {
    const ahead = await otherInstance(`ahead-${messageIds[0]}`, { PERSON_HASH_KEYS: `${NEW}\n${OLD}` })
    for (const messageId of messageIds) expect(await ahead.push(sms, { messageId })).toBe(204)
    await ahead.close()
  }

  it('waits without an alarm while the keys are read again, and is then known as sent', async () => {
    const messageIds = ['rotated-1', 'rotated-2', 'rotated-3']
    const behind = await otherInstance('behind', { PERSON_HASH_KEYS_FILE: file })
    expect(await behind.push(sms)).toBe(204)
    await sentWithNewKey(messageIds)
    const sends = customerio.workspace.sends.length
    await writeFile(file, `${NEW}\n${OLD}`)
    lines = []
    const push = (messageId: string) => behind.push(sms, { messageId, deliveryAttempt: 2 })
    expect(await Promise.all(messageIds.map(push))).toEqual([503, 503, 503])
    expect(lines.map(({ severity, cause }) => `${severity} ${cause}`)).toEqual(Array(3).fill('INFO busy'))
    expect(await Promise.all(messageIds.map(push))).toEqual([204, 204, 204])
    expect(customerio.workspace.sends).toHaveLength(sends)
    await behind.close()
  })

  it('is an ERROR when the secret has no such key: the message waits until somebody puts it back', async () => {
    const behind = await otherInstance('without-the-key', { PERSON_HASH_KEYS_FILE: file })
    await sentWithNewKey(['lost-key'])
    expect(await behind.push(sms, { messageId: 'lost-key', deliveryAttempt: 2 })).toBe(503)
    expect(errors()).toEqual([expect.objectContaining({ error: expect.stringContaining('put it back') })])
    await behind.close()
  })
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
