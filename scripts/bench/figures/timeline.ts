import type { EventEmitter } from 'node:events'
import { z } from 'zod'
import type { CustomerIoEvents } from '../../emulators/customerio/index.ts'
import type { LogSink } from '../../emulators/logging/index.ts'
import type { PubSubEvents } from '../../emulators/pubsub/index.ts'

/** Where the time of a message goes, in this order. Those up to `batch` are its way to Customer.io. */
export const STAGES = ['publish', 'queue', 'push', 'batch', 'customerio', 'answer'] as const
export type Stage = (typeof STAGES)[number]

/** What each is, for the table. */
export const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  publish: "publish (10 ms of it the client's batching)",
  queue: "broker's queue",
  push: 'push and parse',
  batch: 'wait for a batch and a turn',
  customerio: 'Customer.io',
  answer: 'answer',
}

interface Times {
  readonly dueMs: number
  /** At the broker. */
  publishedMs?: number
  /** At Customer.io. */
  arrivedMs?: number
  pushedMs?: number
  acknowledgedMs?: number
  /** From the line that the function writes of the message. */
  queueWaitMs?: number
  requestMs?: number
}

/** One message, in milliseconds. */
export type Stages = Readonly<Record<Stage | 'toCustomerio', number>>

const entrySchema = z.object({
  jsonPayload: z.object({
    message_id: z.string(),
    queue_wait_ms: z.number().optional(),
    request_ms: z.number().optional(),
  }),
})

/** Follows messages through the local stack, by the tag that each has in its data. All of its parts tell the time of one machine. */
export class Timeline {
  readonly #times = new Map<string, Times>()
  readonly #tags = new Map<string, string>()
  readonly #nowMs: () => number
  /** To be given to the stack: what the functions write of each message. */
  readonly logSink: LogSink = {
    filter: 'jsonPayload.event="message"',
    deliver: (entries) => {
      for (const entry of entries) this.#logged(entrySchema.parse(JSON.parse(entry)).jsonPayload)
    },
  }

  /** @param nowMs as precise as can be; it need not be the time of day */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  watch(pubsub: EventEmitter<PubSubEvents>, customerio: EventEmitter<CustomerIoEvents>): void {
    pubsub.on('published', ({ messageId, data }) => {
      const [tag] = tagsIn(data)
      const times = tag === undefined ? undefined : this.#times.get(tag)
      if (tag === undefined || times === undefined) return
      times.publishedMs = this.#nowMs()
      this.#tags.set(messageId, tag)
    })
    customerio.on('received', ({ body }) => {
      const nowMs = this.#nowMs()
      for (const tag of tagsIn(body)) this.#set(tag, { arrivedMs: nowMs })
    })
    pubsub.on('delivered', ({ messageId, status, latencyMs = 0 }) => {
      const nowMs = this.#nowMs()
      if (status === 204) this.#setById(messageId, { pushedMs: nowMs - latencyMs, acknowledgedMs: nowMs })
    })
  }

  /** Announces a message that is due to be published now, whenever it really is. */
  expect(tag: string, dueMs: number): void {
    this.#times.set(tag, { dueMs })
  }

  /** Those of which everything is known; undefined until all are. */
  stages(): Stages[] | undefined {
    const all: Stages[] = []
    for (const times of this.#times.values()) {
      const stages = stagesOf(times)
      if (stages === undefined) return undefined
      all.push(stages)
    }
    return all
  }

  clear(): void {
    this.#times.clear()
    this.#tags.clear()
  }

  #logged({ message_id, queue_wait_ms, request_ms }: z.infer<typeof entrySchema>['jsonPayload']): void {
    if (queue_wait_ms === undefined || request_ms === undefined) return
    this.#setById(message_id, { queueWaitMs: queue_wait_ms, requestMs: request_ms })
  }

  #setById(messageId: string, known: Partial<Times>): void {
    const tag = this.#tags.get(messageId)
    if (tag !== undefined) this.#set(tag, known)
  }

  #set(tag: string, known: Partial<Times>): void {
    const times = this.#times.get(tag)
    if (times !== undefined) Object.assign(times, known)
  }
}

/** Divides the time of one message; undefined while something is not known of it. Pure. */
export function stagesOf({ dueMs, ...times }: Times): Stages | undefined {
  const { publishedMs, arrivedMs, pushedMs, acknowledgedMs, queueWaitMs, requestMs } = times
  if (publishedMs === undefined || arrivedMs === undefined || pushedMs === undefined) return undefined
  if (acknowledgedMs === undefined || queueWaitMs === undefined || requestMs === undefined) return undefined
  return {
    publish: publishedMs - dueMs,
    queue: pushedMs - publishedMs,
    push: arrivedMs - pushedMs - queueWaitMs,
    batch: queueWaitMs,
    customerio: requestMs,
    answer: acknowledgedMs - arrivedMs - requestMs,
    toCustomerio: arrivedMs - dueMs,
  }
}

function tagsIn(text: Buffer): string[] {
  return [...text.toString().matchAll(/"tag":"([^"]+)"/g)].map(([, tag = '']) => tag)
}
