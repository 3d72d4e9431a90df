import { setTimeout as delay } from 'node:timers/promises'
import { serveBench } from '../lab/child.ts'
import { percentile } from '../statistics.ts'
import { Connection } from './connection.ts'
import { type Load, loadSchema, type Seen } from './load.ts'
import { type MessageKind, requestsOf } from './messages.ts'

/** More than an instance remembers (50,000 events), so that each is new to it, and no two under way are of one person. */
const DIFFERENT_MESSAGES = 60_000
/** How long answers are waited for once nothing more is sent. */
const LAST_ANSWERS_MS = 15_000

/** Counts answers and how long each took. */
class Tally {
  readonly #latenciesMs: number[] = []
  readonly #statuses = new Map<number, number>()
  readonly #startsAtMs: number
  #accepted = 0
  #windowSeconds: number | undefined

  constructor(settleSeconds = 0) {
    this.#startsAtMs = performance.now() + settleSeconds * 1_000
  }

  add(status: number, latencyMs: number): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    if (this.#windowSeconds !== undefined || performance.now() < this.#startsAtMs) return
    this.#latenciesMs.push(latencyMs)
    if (status >= 200 && status < 300) this.#accepted++
  }

  get accepted(): number {
    return this.#accepted
  }

  endWindow(): void {
    this.#windowSeconds ??= (performance.now() - this.#startsAtMs) / 1_000
  }

  seen(): Seen {
    this.endWindow()
    const sorted = Float64Array.from(this.#latenciesMs).sort()
    return {
      accepted: this.#accepted,
      answered: [...this.#statuses.values()].reduce((sum, count) => sum + count, 0),
      statuses: Object.fromEntries(this.#statuses),
      windowSeconds: this.#windowSeconds ?? 0,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      mostMs: percentile(sorted, 1),
    }
  }
}

const prepared = new Map<MessageKind, Buffer[]>()

/** Ready-made requests, one after the other and from the start again. */
function sequenceOf(kind: MessageKind): () => Buffer {
  const requests = prepared.get(kind) ?? requestsOf(kind, DIFFERENT_MESSAGES)
  prepared.set(kind, requests)
  let next = 0
  return () => {
    const request = requests[next++ % requests.length]
    if (request === undefined) throw new Error('no messages')
    return request
  }
}

/** Keeps every connection busy until `isOver`. */
async function saturate(load: Extract<Load, { kind: 'saturate' | 'count' }>): Promise<Seen[]> {
  const settleSeconds = load.kind === 'saturate' ? (load.settleSeconds ?? 0) : 0
  const tally = new Tally(settleSeconds)
  const next = sequenceOf(load.messages)
  const seconds = load.kind === 'saturate' ? settleSeconds + load.seconds : Number.POSITIVE_INFINITY
  const endsAtMs = performance.now() + seconds * 1_000
  const isOver = load.kind === 'saturate' ? () => performance.now() >= endsAtMs : () => tally.accepted >= load.count
  const connections = Array.from({ length: load.connections }, () => new Connection(load.port))
  let open = connections.length
  const { promise: allAnswered, resolve } = Promise.withResolvers<void>()
  const work = (connection: Connection): void => {
    if (isOver()) {
      tally.endWindow()
      open--
      if (open === 0) resolve()
      return
    }
    const sentAtMs = performance.now()
    connection.send(next(), (status) => {
      tally.add(status, performance.now() - sentAtMs)
      // A port that refuses would otherwise be asked without end in one turn of the event loop.
      if (status === 0) setTimeout(work, 10, connection)
      else work(connection)
    })
  }
  for (const connection of connections) work(connection)
  // A handler that repeats refused calls may hold its last messages for half a minute.
  const giveUp = new AbortController()
  const limitMs = seconds * 1_000 + LAST_ANSWERS_MS
  const limit = Number.isFinite(limitMs)
    ? delay(limitMs, undefined, { signal: giveUp.signal }).catch(() => {})
    : allAnswered
  await Promise.race([allAnswered, limit])
  giveUp.abort()
  for (const connection of connections) connection.close()
  return [tally.seen()]
}

/** Sends by the clock. How long an answer took counts from when its message was due, not from when it could be sent. */
async function atRate(load: Extract<Load, { kind: 'rate' }>): Promise<Seen[]> {
  const tally = new Tally()
  const next = sequenceOf(load.messages)
  const idle = Array.from({ length: load.connections }, () => new Connection(load.port))
  const connections = [...idle]
  const startedAtMs = performance.now()
  const total = Math.floor(load.perSecond * load.seconds)
  let sent = 0
  let answered = 0
  const sendDue = (): void => {
    for (;;) {
      const dueAtMs = startedAtMs + (sent / load.perSecond) * 1_000
      if (sent >= total || dueAtMs > performance.now()) return
      const connection = idle.pop()
      if (connection === undefined) return
      sent++
      connection.send(next(), (status) => {
        answered++
        tally.add(status, performance.now() - dueAtMs)
        idle.push(connection)
      })
    }
  }
  const timer = setInterval(sendDue, 1)
  const giveUpAtMs = startedAtMs + load.seconds * 1_000 + LAST_ANSWERS_MS
  while (answered < total && performance.now() < giveUpAtMs) await delay(20)
  clearInterval(timer)
  for (const connection of connections) connection.close()
  return [tally.seen()]
}

async function alternate(load: Extract<Load, { kind: 'alternate' }>): Promise<Seen[]> {
  const next = sequenceOf(load.messages)
  const sides = load.ports.map((port) => ({ connection: new Connection(port), tally: new Tally() }))
  for (let index = 0; index < load.count; index++) {
    for (const { connection, tally } of sides) {
      await delay(load.restMs)
      const request = next()
      const sentAtMs = performance.now()
      const status = await new Promise<number>((resolve) => connection.send(request, resolve))
      tally.add(status, performance.now() - sentAtMs)
    }
  }
  for (const { connection } of sides) connection.close()
  return sides.map(({ tally }) => tally.seen())
}

async function run(question: unknown): Promise<Seen[]> {
  const load = loadSchema.parse(question)
  if (load.kind === 'rate') return atRate(load)
  if (load.kind === 'alternate') return alternate(load)
  return saturate(load)
}

await serveBench({ ready: true }, run)
