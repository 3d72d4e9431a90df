import * as z from 'zod'

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
    for (const [name, value] of Object.entries(ctx.value)) {
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

/**
 * Unwraps the body of a push request.
 *
 * @returns the message, or what is wrong with the envelope: then it did not come from a Pub/Sub push subscription.
 */
export function unwrapPush(body: unknown): { ok: true; message: ReceivedMessage } | { ok: false; error: string } {
  const parsed = envelope.safeParse(body)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { ok: false, error: `not a Pub/Sub push: ${issue?.path.join('.') || 'body'}: ${issue?.message}` }
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
