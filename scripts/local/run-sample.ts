import { once } from 'node:events'
import type { PubSub } from '@google-cloud/pubsub'
import { SAMPLE, type SampleMessage } from './sample.ts'
import type { Stack } from './stack.ts'

/** What became of one sample message. */
export interface SampleResult {
  readonly message: SampleMessage
  readonly messageId: string
  readonly attempts: number
  /** Reason and error of its dead letter; undefined when Customer.io has it. */
  readonly deadLetter: { readonly reason: string; readonly error: string; readonly data: Buffer } | undefined
}

/** How long the sample may take; an uncertain send waits for its settle time. */
const SAMPLE_LIMIT_MS = 45_000

/**
 * Publishes messages as an application does, with the real client, and waits until Pub/Sub has each one acknowledged:
 * all that meet no fault together, then the others one by one, so that a fault hits nobody else in a shared batch.
 */
export async function runSample(stack: Stack, sample: readonly SampleMessage[]): Promise<SampleResult[]> {
  const attempts = new Map<string, number>()
  const watch = ({
    subscription,
    messageId,
    attempt,
  }: {
    subscription: string
    messageId: string
    attempt: number
  }) => {
    if (!subscription.endsWith('-dead-letter')) attempts.set(messageId, attempt)
  }
  const signal = AbortSignal.timeout(SAMPLE_LIMIT_MS)
  const messageIds = new Map<SampleMessage, string>()
  const publishAndWait = async (messages: readonly SampleMessage[]): Promise<void> => {
    for (const { fault } of messages) if (fault !== undefined) stack.customerio.orders.add(fault)
    const ids = await Promise.all(messages.map((message) => publish(stack.client, message)))
    for (const [index, message] of messages.entries()) messageIds.set(message, ids[index] ?? '')
    while (!ids.every((id) => attempts.has(id))) await once(stack.pubsub.events, 'acknowledged', { signal })
  }
  stack.pubsub.events.on('acknowledged', watch)
  try {
    await publishAndWait(sample.filter(({ fault }) => fault === undefined))
    for (const message of sample) if (message.fault !== undefined) await publishAndWait([message])
  } finally {
    stack.pubsub.events.off('acknowledged', watch)
  }
  const deadLetters = new Map<string, SampleResult['deadLetter']>()
  for (const topic of new Set(sample.map((message) => message.topic))) {
    await readDeadLetters(stack, `${topic}-dead-letter`, deadLetters, signal)
  }
  return sample.map((message) => {
    const messageId = messageIds.get(message) ?? ''
    return { message, messageId, attempts: attempts.get(messageId) ?? 0, deadLetter: deadLetters.get(messageId) }
  })
}

/** Publishes every message of the sample that meets no fault, and waits for none; gives their number. */
export async function publishSample(client: PubSub): Promise<number> {
  const messages = SAMPLE.filter(({ fault }) => fault === undefined)
  await Promise.all(messages.map((message) => publish(client, message)))
  return messages.length
}

function publish(client: PubSub, { topic, body }: SampleMessage): Promise<string> {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return client.topic(topic).publishMessage({ data })
}

/** Looks at a dead-letter subscription and leaves what is there where it is. */
async function readDeadLetters(
  stack: Stack,
  name: string,
  into: Map<string, SampleResult['deadLetter']>,
  signal: AbortSignal,
): Promise<void> {
  const subscription = stack.client.subscription(name)
  const waiting = stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding
  if (waiting === 0) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => reject(signal.reason))
  let seen = 0
  subscription.on('error', reject)
  subscription.on('message', (message) => {
    const { source_message_id = '', reason = '', error = '' } = message.attributes
    into.set(source_message_id, { reason, error, data: message.data })
    seen += 1
    if (seen === waiting) resolve()
  })
  await promise
  await subscription.close()
}

/** What is not as the sample expects it; undefined when all is well. Pure. */
export function complaintAbout(result: SampleResult): string | undefined {
  const { message, attempts, deadLetter } = result
  const { expected } = message
  if (expected.outcome === 'refused') {
    if (deadLetter === undefined) return 'should have been refused, but was delivered'
    if (deadLetter.reason !== expected.reason || !deadLetter.error.includes(expected.error)) {
      return `refused for another reason than ${expected.reason}: ${expected.error}`
    }
    if (attempts !== 1) return `refused after ${attempts} attempts instead of one`
    const original = typeof message.body === 'string' ? message.body : JSON.stringify(message.body)
    return deadLetter.data.toString() === original ? undefined : 'its dead letter has other bytes'
  }
  if (deadLetter !== undefined) return 'should have been delivered, but is on the dead-letter topic'
  if (expected.outcome === 'retried' && attempts < 2) return 'should have been retried'
  return undefined
}
