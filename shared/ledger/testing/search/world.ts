import { hash } from 'node:crypto'
import type { Clock } from '../../../clock/index.ts'
import type { CallOutcome, Outcome } from '../../../outcome/index.ts'
import { holdEndMs, isOpen, type Window, windowOf } from '../../decide.ts'
import { hashOf } from '../../hashes.ts'
import type { LookUpAnswer } from '../../look-up.ts'
import type { SendLedger, Written } from '../../record.ts'
import type { Delivery } from '../../resolve.ts'
import { sendOnce } from '../../send.ts'
import { createMemoryLedger, type Row } from '../memory-ledger.ts'
import { plainlyHashed } from '../plain-hashes.ts'
import type { Bounds, Setting } from './setting.ts'

/** One of the things that can happen next. */
export interface Step {
  readonly what: string
  readonly happen: () => void
}

export interface Message {
  readonly name: string
  readonly key: string
  /** What Pub/Sub was told in the end: it delivers no more, except by mistake. */
  final: Outcome | undefined
}

/** What a worker told Pub/Sub. */
export interface Told {
  readonly message: Message
  readonly outcome: Outcome
  readonly by: string
}

/** What Customer.io made. */
interface Made {
  readonly id: string
  /** By whose call. */
  readonly by: string
  readonly message: Message
  readonly atMs: number
}

/** What a worker has asked for and not heard of. */
interface Question {
  readonly what: string
  readonly steps: () => Step[]
  /** What it goes on after: `answer`, when the worker has told Pub/Sub; `crash`, when there is no worker any more. */
  readonly outlives: 'nothing' | 'answer' | 'crash'
  readonly phase: () => string
}

/** One delivery of a message to one worker, which runs `sendOnce`. */
interface Attempt {
  readonly name: string
  readonly message: Message
  /** Everything that it was told, and when: what it will do follows from this. */
  readonly history: string[]
  readonly questions: Set<Question>
  readonly timers: Set<{ readonly dueMs: number; readonly fire: () => void }>
  state: 'runs' | 'answered' | 'crashed'
}

/** A call of Customer.io that can still be made: the last look at the lease is over. */
interface Call {
  readonly message: Message
  readonly untilMs: number
}

const REQUEST_TIMEOUT_MS = 10_000
const LEASE_MARGIN_MS = 20_000
const FREEZE_MARGIN_MS = 10_000
const LIST_DELAY_MS = 60_000
/** Of the workers: each has a clock of its own, which nobody else's is compared with. */
const CLOCK_OFFSETS_MS = [3_600_000, -7_000]
const WORKERS = 2
const NO_ANSWER: CallOutcome = { kind: 'uncertain', error: 'timeout' }

/**
 * Two workers and two messages of one template to one person, with every step that can come next. The workers run `sendOnce`
 * itself, over the ledger in memory; only Pub/Sub, Customer.io, the network and time are the search's.
 */
export class SearchWorld {
  nowMs = 1_763_740_000_000
  readonly rows = new Map<string, Row>()
  readonly messages: readonly Message[]
  readonly made: Made[] = []
  readonly calls = new Set<Call>()
  /** Nothing goes wrong any more, and every message has been delivered once more. */
  isCalm = false
  /** Told of each outcome. */
  onOutcome: (told: Told) => void = () => {}
  readonly #setting: Setting
  readonly #ledger: SendLedger
  #left: { deliveries: number; mishaps: number; jumps: number }
  #attempts: Attempt[] = []
  #count = 0

  constructor(setting: Setting, bounds: Bounds) {
    const { fault, isSameKey = false, isAlone = false } = setting
    this.#setting = setting
    this.#left = { ...bounds }
    const ledger = createMemoryLedger({ now: () => this.nowMs, fenced: fault?.fenced ?? true, rows: this.rows })
    this.#ledger = fault?.ledger?.(ledger) ?? ledger
    const names = isAlone ? ['a'] : ['a', 'b']
    this.messages = names.map((name) => ({ name, key: isSameKey ? 'key' : `key ${name}`, final: undefined }))
  }

  /** Everything that can happen next; none when the bounds are reached and nothing is under way. */
  steps(): readonly Step[] {
    const steps: Step[] = []
    this.#attempts = this.#attempts.filter(isUnderWay)
    const working = this.#attempts.filter(({ state }) => state === 'runs')
    for (const attempt of this.#attempts) steps.push(...this.#stepsOf(attempt))
    if (this.#left.deliveries > 0 && working.length < WORKERS) {
      // Which of the two comes first makes no difference.
      for (const message of this.#count === 0 ? this.messages.slice(0, 1) : this.messages) {
        steps.push({ what: `Pub/Sub delivers ${message.name}`, happen: () => this.#deliver(message) })
      }
    }
    if (this.#left.jumps > 0) {
      for (const [name, atMs] of this.#limits()) {
        steps.push({
          what: `${atMs - this.nowMs} ms pass: ${name}`,
          happen: () => {
            this.#left.jumps--
            this.nowMs = atMs
          },
        })
      }
    }
    return steps
  }

  /** Two worlds with the same key have the same future. */
  key(): string {
    const { nowMs, rows, made, messages } = this
    const attempts = this.#attempts
      .filter(isUnderWay)
      .map(({ name, message, history, questions, timers, state }) => [
        ...[name, message.name, state, history],
        [...questions].map(({ what, phase }) => [what, phase()]),
        [...timers].map(({ dueMs }) => dueMs),
      ])
    const all = [
      ...[nowMs, this.#left, [...rows], attempts],
      made.map(({ id, message, atMs }) => [id, message.name, atMs]),
      messages.map(({ final }) => final?.kind),
    ]
    return hash('sha256', JSON.stringify(all), 'base64')
  }

  /** From here nothing goes wrong any more, and what is under way never comes to its end. */
  startCalm(): void {
    this.#left = { deliveries: 1, mishaps: 0, jumps: 0 }
    this.#attempts = []
    this.calls.clear()
    // Beyond the lease and the list's delay of whatever there is.
    this.nowMs += 2 * (REQUEST_TIMEOUT_MS + LEASE_MARGIN_MS + LIST_DELAY_MS)
  }

  deliver(message: Message): void {
    this.#deliver(message)
  }

  #deliver(message: Message): void {
    this.#left.deliveries--
    const number = this.#count++
    const attempt: Attempt = {
      ...{ name: `worker ${number + 1}`, message, history: [`${this.nowMs}`] },
      ...{ questions: new Set(), timers: new Set(), state: 'runs' },
    }
    this.#attempts.push(attempt)
    const { fault, onNotFound, isSameKey } = this.#setting
    const content = isSameKey ? message.name : 'content'
    void sendOnce(
      {
        ledger: this.#throughTheNetwork(attempt),
        clock: this.#clockOf(attempt, CLOCK_OFFSETS_MS[number % WORKERS] ?? 0),
        newToken: () => attempt.name,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        ttlMs: 45 * 86_400_000,
        leaseMarginMs: LEASE_MARGIN_MS,
        freezeMarginMs: fault?.freezeMarginMs ?? FREEZE_MARGIN_MS,
        listDelayMs: fault?.listDelayMs ?? LIST_DELAY_MS,
        onNotFound,
      },
      {
        ...{ key: message.key, ...plainlyHashed(content, 'ada'), channel: 'email', template: '7' },
        ready: async () => ({ send: () => this.#call(attempt), cancel: () => {} }),
        lookUp: (window) => this.#list(attempt, window),
      },
    ).then((outcome) => {
      attempt.state = 'answered'
      forget(attempt, ['nothing'])
      this.onOutcome({ message, outcome, by: attempt.name })
      if (outcome.kind !== 'retry') message.final = outcome
    })
  }

  #stepsOf(attempt: Attempt): Step[] {
    const { name, questions, timers, state } = attempt
    const steps: Step[] = []
    for (const question of questions) steps.push(...question.steps())
    if (state === 'crashed') return steps
    for (const timer of timers) {
      if (timer.dueMs > this.nowMs) continue
      steps.push({
        what: `${name} has waited long enough`,
        happen: () => {
          timers.delete(timer)
          attempt.history.push(`${this.nowMs}: timer`)
          timer.fire()
        },
      })
    }
    if (state === 'runs') {
      steps.push(...this.#mishap({ what: `${name} dies`, happen: () => this.#crash(attempt) }))
    }
    return steps
  }

  #crash(attempt: Attempt): void {
    attempt.state = 'crashed'
    attempt.timers.clear()
    forget(attempt, ['nothing', 'answer'])
  }

  #mishap({ what, happen }: Step): Step[] {
    if (this.#left.mishaps === 0) return []
    const wrong = () => {
      this.#left.mishaps--
      happen()
    }
    return [{ what, happen: wrong }]
  }

  /** The moments up to which time can pass: those at which some rule looks at it, and the last before. */
  #limits(): ReadonlyMap<string, number> {
    const limits = new Map<string, number>()
    const add = (name: string, atMs: number) => {
      if (atMs > this.nowMs && ![...limits.values()].includes(atMs)) limits.set(name, atMs)
    }
    const lookMs = LEASE_MARGIN_MS - (this.#setting.fault?.freezeMarginMs ?? FREEZE_MARGIN_MS)
    for (const [id, row] of this.rows) {
      const record = { ...row, id, readAtMs: this.nowMs }
      if (!isOpen(record)) continue
      if (row.state === 'claimed') add('the last look at a lease', row.updatedAtMs + Math.max(0, lookMs))
      add('a hold ends', holdEndMs(record))
      add('the list has had its time', holdEndMs(record) + LIST_DELAY_MS)
      // Of a message that is claimed from then on, no delivery can be taken for this record's.
      add(
        'its deliveries are all listed',
        2 * windowOf(record, LIST_DELAY_MS).untilMs - holdEndMs(record) - LIST_DELAY_MS + 1,
      )
    }
    for (const { untilMs } of this.calls) if (Number.isFinite(untilMs)) add('the last moment for a call', untilMs)
    if (limits.size === 0) {
      for (const { timers } of this.#attempts) for (const { dueMs } of timers) add('a worker stops waiting', dueMs)
    }
    return limits
  }

  #clockOf(attempt: Attempt, offsetMs: number): Clock {
    return {
      now: () => this.nowMs + offsetMs,
      after: (ms, work) => {
        const timer = { dueMs: this.nowMs + ms, fire: work }
        attempt.timers.add(timer)
        return () => attempt.timers.delete(timer)
      },
    }
  }

  /** A question that is on its way, until one of its steps answers it. */
  #ask<T>(
    attempt: Attempt,
    what: string,
    outlives: Question['outlives'],
    stepsOf: (on: Asked<T>) => Step[],
    phase: () => string = () => '',
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const hear = (told: string, settle: () => void) => {
        attempt.questions.delete(question)
        if (attempt.state === 'crashed') return
        attempt.history.push(`${this.nowMs}: ${told}`)
        settle()
      }
      const on: Asked<T> = {
        answer: (value) => void value.then((known) => hear(JSON.stringify(known), () => resolve(known))),
        fail: () => hear('failed', () => reject(new Error('UNAVAILABLE'))),
      }
      const question: Question = { what, outlives, steps: () => stepsOf(on), phase }
      attempt.questions.add(question)
    })
  }

  /**
   * What is read is heard at once: until something is done about it time passes all the same, on the way of the next
   * question. So is a note of what became of a call. Of a claim a worker hears in a step of its own, since it looks at its
   * clock then.
   */
  #throughTheNetwork(attempt: Attempt): SendLedger {
    const { name } = attempt
    const read = <T>(what: string, outlives: Question['outlives'], work: () => Promise<T>): Promise<T> =>
      this.#ask<T>(attempt, what, outlives, ({ answer, fail }) => [
        { what: `${name}: ${what}`, happen: () => answer(work()) },
        ...this.#mishap({ what: `${name}: ${what} fails`, happen: fail }),
      ])
    const claim = (what: string, work: () => Promise<Written>) => {
      let written: Promise<Written> | undefined
      let isLost = false
      const reach = (lost: boolean) => () => {
        isLost = lost
        written = work()
      }
      const stepsOf = ({ answer, fail }: Asked<Written>): Step[] => {
        const first = written
        const isDead = attempt.state === 'crashed'
        if (first !== undefined && isDead) return []
        if (first !== undefined && !isLost) {
          return [{ what: `${name} hears of ${what}`, happen: () => answer(first) }]
        }
        if (first !== undefined) {
          return [
            { what: `${name} commits ${what} again, and hears of it`, happen: () => answer(work()) },
            { what: `${name} hears that ${what} failed`, happen: fail },
          ]
        }
        const wrong = [
          { what: `${name}: ${what} reaches the ledger, whose answer is lost`, happen: reach(true) },
          { what: `${name}: ${what} fails`, happen: fail },
        ]
        return [
          { what: `${name}: ${what} reaches the ledger`, happen: reach(false) },
          ...(isDead ? [] : wrong.flatMap((step) => this.#mishap(step))),
        ]
      }
      return this.#ask(attempt, what, 'crash', stepsOf, () => `${written !== undefined}${isLost}`)
    }
    const note = (what: string, work: () => Promise<Written>) =>
      this.#ask<Written>(attempt, what, 'crash', ({ answer, fail }) => {
        const steps = [{ what: `${name}: ${what}`, happen: () => answer(work()) }]
        if (attempt.state === 'crashed') return steps
        const wrong = [
          { what: `${name}: ${what}, whose answer is lost, and again`, happen: () => answer(work().then(work)) },
          { what: `${name}: ${what}, and hears that it failed`, happen: () => void work().then(fail) },
          { what: `${name}: ${what} fails`, happen: fail },
        ]
        return [...steps, ...wrong.flatMap((step) => this.#mishap(step))]
      })
    const ledger = this.#ledger
    return {
      create: (id, record) => claim('create', () => ledger.create(id, record)),
      update: (id, version, change) =>
        (change.state === 'claimed' ? claim : note)(`update ${change.state}`, () => ledger.update(id, version, change)),
      read: (id) => read('read', 'answer', () => ledger.read(id)),
      others: (persons, exceptId) => read('others', 'nothing', () => ledger.others(persons, exceptId)),
      held: (ids) => read('held', 'nothing', () => ledger.held(ids)),
      erase: () => Promise.reject(new Error('nobody is erased here')),
    }
  }

  /** Arrives while the request can be under way, or never; what is answered before it arrives never does. */
  #call(attempt: Attempt): Promise<CallOutcome> {
    const { name, message } = attempt
    const longestMs = this.#setting.freezes === 'short' ? FREEZE_MARGIN_MS + REQUEST_TIMEOUT_MS - 1 : Infinity
    const call: Call = { message, untilMs: this.nowMs + longestMs }
    this.calls.add(call)
    let made: Made | undefined
    const stepsOf = ({ answer }: Asked<CallOutcome>): Step[] => {
      const isDead = attempt.state === 'crashed'
      if (made === undefined) {
        const none = (what: string, outcome: CallOutcome) =>
          isDead
            ? []
            : this.#mishap({
                what: `${name}: ${what}`,
                happen: () => this.#over(call, () => answer(Promise.resolve(outcome))),
              })
        const arrive = () => {
          this.calls.delete(call)
          made = { id: `delivery ${this.made.length + 1}`, by: name, message, atMs: this.nowMs }
          this.made.push(made)
        }
        return [
          ...(this.#canArrive(call) ? [{ what: `${name}: Customer.io sends ${message.name}`, happen: arrive }] : []),
          ...none('Customer.io refuses', { kind: 'refused', reason: 'refused', error: 'no such template' }),
          ...none('Customer.io throttles', { kind: 'retry', cause: 'transient', error: 'HTTP 429' }),
          ...none('no answer, and nothing was sent', NO_ANSWER),
        ]
      }
      if (isDead) return []
      const outcome: CallOutcome = { kind: 'delivered', deliveryId: made.id }
      return [
        { what: `${name} hears that it was sent`, happen: () => answer(Promise.resolve(outcome)) },
        ...this.#mishap({
          what: `${name} does not hear that it was sent`,
          happen: () => answer(Promise.resolve(this.#setting.fault?.lostAnswer ?? NO_ANSWER)),
        }),
      ]
    }
    return this.#ask(attempt, 'call', 'crash', stepsOf, () => `${call.untilMs}${made?.id}`)
  }

  #canArrive({ untilMs }: Call): boolean {
    return this.nowMs <= untilMs
  }

  /** Under a key: calls that can still send. */
  callsFor({ key }: Message): readonly Call[] {
    return [...this.calls].filter((call) => call.message.key === key && this.#canArrive(call))
  }

  #over(call: Call, then: () => void): void {
    this.calls.delete(call)
    then()
  }

  /** What is younger than the list's delay may be there or not. */
  #list(attempt: Attempt, window: Window): Promise<LookUpAnswer> {
    const offsetMs = this.#setting.customerioClockOffsetMs ?? 0
    const answerOf = (shown: readonly Made[]): LookUpAnswer => {
      const deliveries = shown.map(({ id, atMs }): Delivery => {
        const createdAtMs = Math.floor((atMs + offsetMs) / 1_000) * 1_000
        return { id, createdAtMs, person: 'same', template: 'same', recipient: 'same' }
      })
      const created = deliveries.filter(({ createdAtMs }) => createdAtMs >= window.fromMs)
      return { kind: 'found', deliveries: created, persons: [], compared: 'everything' }
    }
    return this.#ask<LookUpAnswer>(attempt, 'list', 'nothing', ({ answer }) => {
      const old = this.made.filter(({ atMs }) => atMs + LIST_DELAY_MS <= this.nowMs + 1)
      const young = this.made.filter((one) => !old.includes(one))
      return subsets(young).map((some) => ({
        what: `${attempt.name} is shown ${[...old, ...some].map(({ id }) => id).join(', ') || 'no delivery'}`,
        happen: () => answer(Promise.resolve(answerOf([...old, ...some]))),
      }))
    })
  }

  /** The record of a message. */
  recordOf({ key }: Message): Row | undefined {
    return this.rows.get(hashOf(key))
  }
}

interface Asked<T> {
  readonly answer: (value: Promise<T>) => void
  readonly fail: () => void
}

const isUnderWay = ({ state, questions }: Attempt): boolean => state === 'runs' || questions.size > 0

function forget({ questions }: Attempt, what: readonly Question['outlives'][]): void {
  for (const question of questions) if (what.includes(question.outlives)) questions.delete(question)
}

function subsets<T>([first, ...rest]: readonly T[]): readonly (readonly T[])[] {
  if (first === undefined) return [[]]
  const without = subsets(rest)
  return [...without, ...without.map((some) => [first, ...some])]
}
