import { readFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { LEAST_BODY_MEMORY_BYTES } from '../../shared/config/index.ts'
import { pushBody } from '../testing/push.ts'
import { type OneFunction, startOneFunction } from './one-function.ts'

/** What the built function does with bodies as nobody should send them, under little memory. */

const event = { identifiers: { id: 'u1' }, name: 'order_completed' }
let fn: OneFunction

beforeAll(async () => {
  fn = await startOneFunction('track', {
    // Little, so that a few large messages are too many: scripts/chaos/memory.ts has the real numbers.
    environment: { NODE_OPTIONS: '--max-old-space-size=160', BODY_MEMORY_BYTES: String(LEAST_BODY_MEMORY_BYTES) },
  })
}, 60_000)
afterAll(() => fn.close())

/** Posts a body and resolves with the status and text of the answer. */
function post(body: string | Buffer, headers: IncomingHttpHeaders): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(fn.process.url, { method: 'POST', headers }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode ?? 0, text })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const json = { 'content-type': 'application/json' }

it.each([
  ['without a content type', {}],
  ['in chunks, without a length', { 'transfer-encoding': 'chunked' }],
  ['with a charset that nobody knows', { 'content-type': 'application/json; charset=klingon' }],
  ['with an encoding that it does not have', { ...json, 'content-encoding': 'gzip' }],
])('takes a push %s', async (_, headers) => {
  expect((await post(JSON.stringify(pushBody(event)), headers)).status).toBe(204)
})

it('answers 400 to malformed JSON, of which nothing is answered or logged', async () => {
  const { status, text } = await post('{"message":{"data":"ann@example.com" oops', json)
  expect([status, text]).toEqual([400, 'not a Pub/Sub push: body: is not JSON (a compressed body is not taken)'])
  expect(readFileSync(fn.process.logFile, 'utf8')).not.toMatch(/ann|SyntaxError|\n\s+at /)
})

it('inflates nothing', async () => {
  const compressed = gzipSync(JSON.stringify(pushBody(event)))
  expect((await post(compressed, { ...json, 'content-encoding': 'gzip' })).status).toBe(400)
})

it.each([
  ['announced', {}],
  ['in chunks', { 'transfer-encoding': 'chunked' }],
])('answers 413 to more than a push can be, %s', async (_, headers) => {
  expect((await post(Buffer.alloc(14_200_000, ' '), headers)).status).toBe(413)
})

it('has its memory back from senders that announce ten megabytes and go away', async () => {
  for (let i = 0; i < 40; i++) {
    const socket = connect(Number(new URL(fn.process.url).port), '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n{"half of it')
    await new Promise((resolve) => socket.once('ready', resolve))
    socket.destroy()
  }
  expect((await post(JSON.stringify(pushBody(event)), json)).status).toBe(204)
})

it.each([
  ['is no text', Buffer.from([0xff, 0x00, 0x7b, 0x80]), 'not_json'],
  ['is JSON that was cut off', Buffer.from('{"identifiers":{"id":"u1"},"name":"'), 'not_json'],
  ['breaks the contract', Buffer.from('{"name": "order_completed" }'), 'contract'],
  ['is a byte too long for the contract', Buffer.alloc(1_000_001, '['), 'contract'],
])('dead-letters a message that %s, with its bytes, and delivers those beside it', async (_, poison, reason) => {
  await fetch(`${fn.customerio.url}/_local/state`, { method: 'DELETE' })
  const arrived = fn.deadLetters(1)
  const others = Array.from({ length: 20 }, (_, number) => ({ ...event, attributes: { number } }))
  const statuses = await Promise.all([poison, ...others].map((body) => fn.push(body)))
  expect(new Set(statuses)).toEqual(new Set([204]))
  const [deadLetter] = await arrived
  expect(deadLetter?.attributes).toMatchObject({ reason })
  expect(deadLetter?.bytes.equals(poison)).toBe(true)
  expect(fn.customerio.workspace.events.all()).toHaveLength(others.length)
})

it('survives eight pushes of 9.9 MB at once: each is dead-lettered with its bytes, others are delivered meanwhile', async () => {
  const { pid } = fn.process
  const oversize = { ...event, attributes: { note: 'x'.repeat(9_900_000) } }
  const pushed = Buffer.from(JSON.stringify(pushBody(oversize)))
  const answers = new Set<number>()
  let waiting = 8
  // As Pub/Sub does: whatever is not answered 204 comes again, later each time.
  const until204 = async () => {
    for (let backoffMs = 200, status = 0; status !== 204; backoffMs *= 2) {
      status = (await post(pushed, json)).status
      answers.add(status)
      if (status !== 204) await delay(backoffMs * (0.5 + Math.random()))
    }
    waiting--
  }
  const deadLetters = fn.deadLetters(waiting)
  const all = Array.from({ length: waiting }, until204)
  const others = new Set<number>()
  while (waiting > 0) {
    others.add(await fn.push(event))
    await delay(20)
  }
  await Promise.all(all)
  expect(others).toEqual(new Set([204]))
  expect(answers).toEqual(new Set([503, 204]))
  // Refused before they were read, and not for want of something that came later.
  const log = readFileSync(fn.process.logFile, 'utf8')
  expect(log).toContain('"event":"message_not_read"')
  expect(log).not.toContain('"event":"dead_letter_failed"')
  const message = Buffer.from(JSON.stringify(oversize))
  for (const { bytes, attributes } of await deadLetters) {
    expect(attributes).toMatchObject({ reason: 'contract' })
    expect(bytes.equals(message)).toBe(true)
  }
  expect(fn.process.pid).toBe(pid)
}, 240_000)
