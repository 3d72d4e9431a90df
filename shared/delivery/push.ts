import * as z from 'zod'
import { complexityOf } from '../json/index.ts'
import { PUBSUB_LIMITS } from './limits.ts'

/** A Pub/Sub message as our push subscription delivered it. */
export interface ReceivedMessage {
  /** The body; empty for a message of attributes only. */
  readonly data: Buffer
  /** False when the body was no valid base64: `data` then holds the text as it came. */
  readonly dataIsIntact: boolean
  readonly attributes: Readonly<Record<string, string>>
  readonly messageId: string
  /** RFC 3339, as Pub/Sub wrote it. */
  readonly publishTime: string
  readonly orderingKey: string | undefined
  /** `projects/<project>/subscriptions/<name>` */
  readonly subscription: string
  /** 1 for the first delivery; 0 where Pub/Sub does not count (no dead-letter policy). */
  readonly deliveryAttempt: number
}

/** Taken as they are: a record of zod's would leave out one that is called `__proto__`. */
const attributes = z
  .custom<Readonly<Record<string, string>>>((value) => typeof value === 'object' && !Array.isArray(value))
  .check((ctx) => {
    for (const name of Object.keys(ctx.value)) {
      const value: unknown = ctx.value[name]
      if (typeof value === 'string') continue
      ctx.issues.push({ code: 'custom', message: 'must be a string', input: value, path: [name] })
    }
  })

/** https://cloud.google.com/pubsub/docs/push#receive_push: the wrapped form. */
const envelope = z.object({
  message: z.object({
    data: z.string().default(''),
    attributes: attributes.nullish(),
    messageId: z.string().min(1),
    publishTime: z.string().default(''),
    orderingKey: z.string().optional(),
  }),
  subscription: z.string().default(''),
  deliveryAttempt: z.number().int().nonnegative().default(0),
})

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** A request that did not come from a Pub/Sub push subscription, and why: nothing of the body. */
export interface NotAPush {
  readonly ok: false
  readonly error: string
}

/** 100 attributes of at most 256 and 1,024 bytes, each byte escaped to six, and what is around them. */
const ENVELOPE_BYTES = 800_000

/** The most bytes that the push of a message may have whose body has so many: base64, attributes and envelope. */
export function pushBytes(messageBytes: number): number {
  return Math.ceil(messageBytes / 3) * 4 + ENVELOPE_BYTES
}

/** No push is larger: 14.1 MB. */
export const LARGEST_PUSH_BYTES = pushBytes(PUBSUB_LIMITS.messageBytes)

/** Unwraps the body of a push request. Never throws. */
export function unwrapPush(body: Buffer): { readonly ok: true; readonly message: ReceivedMessage } | NotAPush {
  const document = parseJson(body)
  if (document === undefined) return notAPush('body', 'is not JSON (a compressed body is not taken)')
  const parsed = envelope.safeParse(document)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return notAPush(issue?.path.join('.') || 'body', issue?.message ?? 'is not valid')
  }
  const { message, subscription, deliveryAttempt } = parsed.data
  // One digit beyond whole groups of four holds no byte: it would vanish without a word.
  const dataIsIntact = message.data.length % 4 !== 1 && BASE64.test(message.data)
  return {
    ok: true,
    message: {
      data: Buffer.from(message.data, dataIsIntact ? 'base64' : 'utf8'),
      dataIsIntact,
      attributes: message.attributes ?? {},
      messageId: message.messageId,
      publishTime: message.publishTime,
      orderingKey: message.orderingKey === '' ? undefined : message.orderingKey,
      subscription,
      deliveryAttempt,
    },
  }
}

function notAPush(field: string, problem: string): NotAPush {
  return { ok: false, error: `not a Pub/Sub push: ${field}: ${problem}` }
}

/** Far more than Pub/Sub puts around a message: envelope, message and 100 attributes. */
const MOST_ENVELOPE_VALUES = 1_000

/** Undefined when it is no JSON. The engine's own message would quote the body. */
function parseJson(body: Buffer): unknown {
  // Each value takes a byte at least, so most pushes need not be counted.
  if (body.length > MOST_ENVELOPE_VALUES && complexityOf(body).values > MOST_ENVELOPE_VALUES) return undefined
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
