import { createHash } from 'node:crypto'
import type { SeenRequest } from '../emulators/customerio/index.ts'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import type { HistoryEvent, Of } from '../history/format.ts'
import type { BalancedPush } from './balancer.ts'
import { isDeletion, type PlannedMessage, type Topic } from './messages.ts'
import { jsonOf, markOf, operationsOf } from './request-body.ts'

/** A message whose publish has begun. */
export interface Recorded {
  readonly op: string
  readonly planned: PlannedMessage
  /** Pub/Sub's id; undefined until Pub/Sub has it. */
  messageId?: string
}

const KINDS = { identify: 'update', track: 'event', transactional: 'send' } as const satisfies Record<Topic, string>

/** Statuses with which Customer.io refuses what a request holds. */
const REFUSALS: ReadonlySet<string> = new Set(['400', '413', '422'])
const EVENT_ACTIONS: ReadonlySet<unknown> = new Set(['event', 'page', 'screen'])

/** The first half of an SHA-256: what tells two bodies apart. */
export const digestOf = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex').slice(0, 32)

/** What one push is known by, its repetitions by Pub/Sub too. */
export const deliveryOf = (messageId: string, attempt: number): string => `${messageId}#${attempt}`

/** What Customer.io shows once a message is applied. */
export const contentOf = (planned: PlannedMessage): string | null => (isDeletion(planned) ? null : planned.mark)

/** Writes the history of a run while it happens. Times are milliseconds since the run began. */
export class Recorder {
  readonly startedAtMs = Date.now()
  readonly messages: Recorded[] = []
  readonly #events: HistoryEvent[] = []
  readonly #turns = new Map<string, number>()
  readonly #keys = new Map<string, string>()
  readonly #strangers = new Set<string>()
  readonly #pushes: (Pick<Of<'push'>, 'atMs' | 'delivery' | 'process' | 'answer'> & { readonly messageId: string })[] =
    []
  readonly #attempts: (Pick<Of<'attempt'>, 'atMs' | 'delivery' | 'subscription' | 'number'> & {
    readonly messageId: string
  })[] = []
  readonly #acknowledged: { readonly messageId: string; readonly atMs: number }[] = []

  now(): number {
    return Date.now() - this.startedAtMs
  }

  add(...events: readonly HistoryEvent[]): void {
    for (const event of events) this.#events.push(event)
  }

  note(text: string): void {
    this.add({ f: 'note', atMs: this.now(), text })
  }

  publishing(planned: PlannedMessage): Recorded {
    const recorded: Recorded = { op: String(this.messages.length), planned }
    this.messages.push(recorded)
    this.#keys.set(planned.mark, planned.effect)
    if (planned.nature === 'stranger') this.#strangers.add(planned.mark)
    this.add({
      f: 'publish',
      type: 'invoke',
      atMs: this.now(),
      op: recorded.op,
      key: planned.effect,
      kind: KINDS[planned.topic],
      content: contentOf(planned),
      bytes: digestOf(planned.data),
      valid: planned.nature !== 'broken',
      ...(planned.nature === 'stranger' && { stranger: true as const }),
      ...this.#turnOf(planned),
    })
    return recorded
  }

  published(recorded: Recorded, messageId: string): void {
    recorded.messageId = messageId
    this.add({ f: 'publish', type: 'ok', atMs: this.now(), op: recorded.op })
  }

  /** Pub/Sub may tell of this before the publisher hears of the id. */
  acknowledged(messageId: string): void {
    this.#acknowledged.push({ messageId, atMs: this.now() })
  }

  /** Pub/Sub begins to deliver a message: of this run, or somebody else's. */
  attempted({ subscription, messageId, attempt }: PubSubEvents['attempted'][0]): void {
    this.#attempts.push({
      messageId,
      atMs: this.now(),
      delivery: deliveryOf(messageId, attempt),
      subscription: subscription.slice(subscription.lastIndexOf('/') + 1),
      number: attempt,
    })
  }

  /** An instance has answered a push, or has not. */
  pushed({ messageId, attempt, pid, answer }: BalancedPush): void {
    this.#pushes.push({
      messageId,
      atMs: this.now(),
      answer,
      process: String(pid),
      delivery: deliveryOf(messageId, attempt),
    })
  }

  /** Customer.io has read a request. */
  received({ kind, budget, body }: SeenRequest): void {
    if (budget === 'none') return
    const [first] = kind === 'batch' ? operationsOf(body) : []
    const sender = kind === 'send' ? 'transactional' : EVENT_ACTIONS.has(first?.action) ? 'track' : 'identify'
    const marks = (kind === 'batch' ? operationsOf(body) : [jsonOf(body)]).map(markOf)
    this.#lookForStrangers(marks)
    const keys = marks.flatMap((mark) => this.keyOf(mark) ?? [])
    this.add({ f: 'request', atMs: this.now(), budgets: budget === 'app' ? ['look-ups'] : ['account', sender], keys })
  }

  /** A request that names a stranger is told of whatever Customer.io answers: even a refused one has said who they are. */
  #lookForStrangers(marks: readonly (string | undefined)[]): void {
    for (const mark of marks) if (mark !== undefined && this.#strangers.has(mark)) this.refused(mark)
  }

  /** Customer.io has answered a request. Only a request with a single message says whom it refuses. */
  answered({ kind, body, status }: SeenRequest & { readonly status: string }): void {
    if (!REFUSALS.has(status)) return
    const [only, ...others] = kind === 'batch' ? operationsOf(body) : [jsonOf(body)]
    if (others.length > 0) return
    this.refused(markOf(only))
  }

  refused(mark: string | undefined): void {
    const key = this.keyOf(mark)
    if (key !== undefined) this.add({ f: 'apply', type: 'fail', atMs: this.now(), key })
  }

  /** What the message of that mark is known by in the history. */
  keyOf(mark: string | undefined): string | undefined {
    return mark === undefined ? undefined : this.#keys.get(mark)
  }

  /** Nothing is promised for what a process held while it stood still beyond the margin. */
  waive(messageIds: ReadonlySet<string>, why: string): void {
    for (const { planned, messageId } of this.messages) {
      if (messageId !== undefined && messageIds.has(messageId)) {
        this.add({ f: 'waive', atMs: this.now(), key: planned.effect, why })
      }
    }
  }

  /** By Pub/Sub's id. */
  ops(): ReadonlyMap<string, string> {
    return new Map(this.messages.flatMap(({ messageId, op }) => (messageId === undefined ? [] : [[messageId, op]])))
  }

  /**
   * The whole history, in the order of its times.
   * @param originalOf what a message is a copy of in the bulk lane, or itself
   */
  history(producer: string, exhaustedFromAttempt: number, originalOf: (messageId: string) => string): HistoryEvent[] {
    const ops = this.ops()
    const pushes = this.#pushes.map(({ messageId, ...push }): HistoryEvent => {
      const original = originalOf(messageId)
      return { f: 'push', op: ops.get(original) ?? `unknown ${original}`, ...push }
    })
    const attempts = this.#attempts.flatMap(({ messageId, ...attempt }): HistoryEvent[] => {
      const op = ops.get(originalOf(messageId))
      return op === undefined ? [] : [{ f: 'attempt', op, ...attempt }]
    })
    const acknowledged = this.#acknowledged.flatMap(({ messageId, atMs }): HistoryEvent[] => {
      const op = ops.get(messageId)
      return op === undefined ? [] : [{ f: 'acknowledge', atMs, op }]
    })
    return [
      { f: 'start', atMs: 0, producer, exhaustedFromAttempt },
      ...[...this.#events, ...attempts, ...acknowledged, ...pushes].sort((a, b) => a.atMs - b.atMs),
      { f: 'end', atMs: this.now() },
    ]
  }

  #turnOf({ person, nature }: PlannedMessage): { readonly person?: string; readonly turn?: number } {
    if (person === undefined || nature === 'broken') return {}
    const turn = (this.#turns.get(person) ?? 0) + 1
    this.#turns.set(person, turn)
    return { person, turn }
  }
}
