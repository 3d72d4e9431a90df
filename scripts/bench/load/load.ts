import { z } from 'zod'
import { MESSAGE_KINDS } from './messages.ts'

const common = { port: z.number(), messages: z.enum(MESSAGE_KINDS) }

/** What the load generator is asked. */
export const loadSchema = z.discriminatedUnion('kind', [
  /** Each connection sends its next message when the last is answered. */
  z.object({
    kind: z.literal('saturate'),
    ...common,
    connections: z.number(),
    seconds: z.number(),
    /** Before the window that counts: caches are warm then, and what a rate limit had saved up is spent. */
    settleSeconds: z.number().default(0),
  }),
  /** The same, until so many messages are accepted. */
  z.object({ kind: z.literal('count'), ...common, connections: z.number(), count: z.number() }),
  /** Messages come at an even rate, whether or not earlier ones are answered. */
  z.object({ kind: z.literal('rate'), ...common, connections: z.number(), perSecond: z.number(), seconds: z.number() }),
  /** One message at a time, to one port after the other, with a rest before each. */
  z.object({
    kind: z.literal('alternate'),
    messages: z.enum(MESSAGE_KINDS),
    ports: z.array(z.number()),
    count: z.number(),
    restMs: z.number(),
  }),
])
export type Load = z.input<typeof loadSchema>

const seen = z.object({
  /** Answered with a 2xx within the window. */
  accepted: z.number(),
  /** Everything that was answered, also after the window. */
  answered: z.number(),
  /** How many answers of each status; 0 stands for a connection that ended. */
  statuses: z.record(z.string(), z.number()),
  windowSeconds: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  mostMs: z.number(),
})
/** What the load generator saw: one an instance. */
export const seenSchema = z.array(seen)
export type Seen = z.infer<typeof seen>
