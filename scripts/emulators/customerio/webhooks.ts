import { createHmac } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

const TIMEOUT_MS = 4_000
const GIVE_UP_AFTER_MS = 7 * 86_400_000
const LONG_WAIT_MS = 3_600_000
/** After these, as after a connection error, Customer.io waits an hour before it tries again. */
const LONG_WAIT_STATUSES: ReadonlySet<number> = new Set([400, 401, 402, 403, 404, 405, 410, 429, 500, 502, 521])
/** The first wait and the ceiling of the back-off are not documented: "exponential" is. */
const FIRST_BACKOFF_MS = 30_000
const LARGEST_BACKOFF_MS = LONG_WAIT_MS

export interface WebhookSenderOptions {
  readonly url: string
  readonly signingKey: string
  /** Milliseconds; the signature carries it in seconds. */
  readonly now: () => number
  /** How long the whole answer may take; 4 s by default. */
  readonly timeoutMs?: number
  /** Shortens the waits between tries: 0.001 makes an hour 3.6 s. Time-outs stay as they are. */
  readonly timeScale?: number
  /** How it waits; timers by default. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  /** `fresh`: each attempt is signed again. `first`: a retry carries timestamp and signature of the first try. Which of them Customer.io does is not documented. */
  readonly retrySignature?: 'fresh' | 'first'
  /** How many may be under way while none has failed; 1 by default. */
  readonly concurrency?: number
}

export interface WebhookAttempt {
  readonly body: Buffer
  /** 1 for the first try. */
  readonly attempt: number
  readonly status?: number
  /** `timeout`, `connection`, or absent when there was an answer. */
  readonly failure?: 'timeout' | 'connection'
  /** How long it waits before the next try, unscaled; absent when there is none. */
  readonly nextInMs?: number
}

export interface WebhookSenderEvents {
  attempt: [attempt: WebhookAttempt]
  delivered: [attempt: WebhookAttempt]
  /** After seven days without a 2xx. */
  gaveUp: [attempt: WebhookAttempt]
  /** Nothing is left to send. */
  idle: []
}

export interface WebhookSenderState {
  readonly url: string
  readonly pending: number
  readonly delivered: number
  readonly attempts: number
  readonly gaveUp: number
  /** True while everything waits for one webhook that failed. */
  readonly blocked: boolean
  /** The newest answers, oldest first. */
  readonly answers: readonly { readonly atMs: number; readonly status: number }[]
}

/** Answers that the state has. */
const ANSWERS_KEPT = 1_000

interface Pending {
  readonly body: Buffer
  attempts: number
  waitedMs: number
  first?: Record<string, string>
}

/** Lower-case hex of HMAC-SHA256 over `v0:<timestamp>:<body>`, the body's bytes as they are sent. */
export function signWebhook(signingKey: string, timestampSeconds: number | string, body: Buffer | string): string {
  return createHmac('sha256', signingKey).update(`v0:${timestampSeconds}:`).update(body).digest('hex')
}

/**
 * Delivers reporting webhooks as Customer.io documents it: one that gets no 2xx within four seconds is tried again
 * for up to seven days, and all later ones wait behind it.
 */
export class WebhookSender {
  readonly events = new EventEmitter<WebhookSenderEvents>()
  readonly #options: WebhookSenderOptions
  readonly #closing = new AbortController()
  readonly #queue: Pending[] = []
  readonly #failed: Pending[] = []
  #url: string
  #signingKey: string
  #inFlight = 0
  #waiting = false
  #held = false
  readonly #answers: { readonly atMs: number; readonly status: number }[] = []
  #counts = { delivered: 0, attempts: 0, gaveUp: 0 }

  constructor(options: WebhookSenderOptions) {
    this.#options = options
    this.#url = options.url
    this.#signingKey = options.signingKey
  }

  /** Queues a webhook: an object is serialised, text and bytes are sent as they are. */
  send(payload: Record<string, unknown> | string | Buffer | object): void {
    const body = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
    this.#queue.push({ body, attempts: 0, waitedMs: 0 })
    this.#pump()
  }

  /** From now on signs with this key, as after a rotation. */
  signWith(signingKey: string): void {
    this.#signingKey = signingKey
  }

  deliverTo(url: string): void {
    this.#url = url
  }

  get state(): WebhookSenderState {
    const pending = this.#queue.length + this.#failed.length + this.#inFlight
    return { url: this.#url, pending, ...this.#counts, blocked: this.#failed.length > 0, answers: [...this.#answers] }
  }

  /** Resolves when nothing is left to send. */
  async idle(): Promise<void> {
    if (this.state.pending > 0) await EventEmitter.once(this.events, 'idle')
  }

  /** Sends nothing from now on until `release`; resolves when nothing is under way any more. */
  async hold(): Promise<void> {
    this.#held = true
    while (this.#inFlight > 0) await EventEmitter.once(this.events, 'attempt')
  }

  release(): void {
    this.#held = false
    this.#pump()
  }

  /** Drops what waits to be sent; what is under way goes on. */
  clear(): void {
    this.#queue.length = 0
    this.#failed.length = 0
  }

  /** Stops: what is under way is cut, what waits is dropped. */
  close(): void {
    this.#closing.abort()
    this.clear()
  }

  #pump(): void {
    if (this.#waiting || this.#held || this.#closing.signal.aborted) return
    const retry = this.#failed[0]
    if (retry !== undefined) {
      if (this.#inFlight > 0) return
      this.#failed.shift()
      void this.#deliver(retry)
      return
    }
    while (this.#inFlight < (this.#options.concurrency ?? 1)) {
      const next = this.#queue.shift()
      if (next === undefined) break
      void this.#deliver(next)
    }
    if (this.#inFlight === 0) this.events.emit('idle')
  }

  async #deliver(pending: Pending): Promise<void> {
    this.#inFlight++
    pending.attempts++
    this.#counts.attempts++
    const answer = await this.#post(pending)
    this.#inFlight--
    if (answer.status !== undefined) this.#answers.push({ atMs: this.#options.now(), status: answer.status })
    if (this.#answers.length > ANSWERS_KEPT) this.#answers.shift()
    if (this.#closing.signal.aborted) return
    const attempt: WebhookAttempt = { body: pending.body, attempt: pending.attempts, ...answer }
    if (answer.status !== undefined && answer.status >= 200 && answer.status < 300) {
      this.#counts.delivered++
      this.events.emit('attempt', attempt)
      this.events.emit('delivered', attempt)
      this.#pump()
      return
    }
    const nextInMs = waitAfter(answer, pending.attempts)
    if (pending.waitedMs + nextInMs > GIVE_UP_AFTER_MS) {
      this.#counts.gaveUp++
      this.events.emit('attempt', attempt)
      this.events.emit('gaveUp', attempt)
      this.#pump()
      return
    }
    pending.waitedMs += nextInMs
    this.#failed.push(pending)
    this.events.emit('attempt', { ...attempt, nextInMs })
    await this.#waitFor(nextInMs)
    this.#pump()
  }

  /** One wait holds everything up: a second failure meanwhile does not start another. */
  async #waitFor(nominalMs: number): Promise<void> {
    if (this.#waiting) return
    this.#waiting = true
    const sleep = this.#options.sleep ?? pause
    try {
      await sleep(nominalMs * (this.#options.timeScale ?? 1), this.#closing.signal)
    } finally {
      this.#waiting = false
    }
  }

  async #post(pending: Pending): Promise<Pick<WebhookAttempt, 'status' | 'failure'>> {
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS)
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: this.#headers(pending),
        body: new Uint8Array(pending.body),
        redirect: 'manual',
        signal: AbortSignal.any([timeout, this.#closing.signal]),
      })
      await response.arrayBuffer()
      return { status: response.status }
    } catch {
      return { failure: timeout.aborted ? 'timeout' : 'connection' }
    }
  }

  #headers(pending: Pending): Record<string, string> {
    if (pending.first !== undefined && this.#options.retrySignature === 'first') return pending.first
    const timestamp = String(Math.floor(this.#options.now() / 1000))
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Customer.io Web Hooks 1.0 (local)',
      'x-cio-timestamp': timestamp,
      'x-cio-signature': signWebhook(this.#signingKey, timestamp, pending.body),
    }
    pending.first ??= headers
    return headers
  }
}

/** How long Customer.io waits after a failed try, in milliseconds. */
export function waitAfter(answer: Pick<WebhookAttempt, 'status' | 'failure'>, attempts: number): number {
  if (answer.failure === 'connection') return LONG_WAIT_MS
  if (answer.status !== undefined && LONG_WAIT_STATUSES.has(answer.status)) return LONG_WAIT_MS
  return Math.min(LARGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempts - 1))
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined) // cut short by close()
}
