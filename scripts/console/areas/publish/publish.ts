import { z } from 'zod'
import {
  type FieldProblem,
  fieldProblems,
  isTopicName,
  type Measure,
  measuresOf,
  TOPIC_SCHEMAS,
  type TopicName,
} from '../../../../shared/contract/index.ts'
import { isRecord } from '../../../../shared/json/index.ts'
import { MessagingPublisher, PublisherValidationError } from '../../../../shared/publisher/index.ts'
import { check, publishValid } from '../../../cio/publish/messages.ts'
import { SAMPLE } from '../../../local/sample.ts'
import type { Stack } from '../../../local/stack.ts'
import { type Area, ConsoleError, read } from '../../server/area.ts'
import { type Kind, kindsOf } from './form.ts'

/** What the page `publish` begins with. */
export interface PublishForms {
  readonly topics: Readonly<
    Record<TopicName, { readonly kinds: readonly Kind[]; readonly examples: readonly Example[] }>
  >
}

export interface Example {
  readonly label: string
  /** As it would be published. */
  readonly text: string
}

/** What the function of the topic would say of a message, field by field. */
export interface PublishVerdict {
  readonly problems: readonly FieldProblem[]
  readonly measures: readonly Measure[]
}

export interface Published {
  readonly messageId: string
  readonly key: string
}

export interface PublishParts {
  readonly stack: Pick<Stack, 'client'>
  readonly now: () => number
  /** Gives an idempotency key for a message that is published without one. */
  readonly newKey: () => string
}

const text = z.string().max(10_000_000, 'Pub/Sub takes messages of at most 10,000,000 bytes')
const topic = z.custom<TopicName>((name) => typeof name === 'string' && isTopicName(name), {
  error: `must be one of ${Object.keys(TOPIC_SCHEMAS).join(', ')}`,
})
const checkOrder = z.strictObject({ topic, text })
const publishOrder = z.strictObject({
  topic,
  text,
  key: z.string().optional(),
  lane: z.literal('bulk').optional(),
  /** Publishes it as it is, as a program does that knows nothing of the contract. */
  unchecked: z.boolean().default(false),
})

/** Writes messages by the contract and publishes them, as an application would. */
export function areaPublish({ stack, now, newKey }: PublishParts): Area {
  const publisher = new MessagingPublisher({ pubsub: stack.client, now })
  return {
    name: 'publish',
    routes: [
      { method: 'GET', path: '/api/publish', run: () => forms() },
      {
        method: 'POST',
        path: '/api/publish/check',
        run: ({ body }) => {
          const order = read(checkOrder, body)
          return verdictOn(order.topic, order.text, now)
        },
      },
      {
        method: 'POST',
        path: '/api/publish',
        run: async ({ body }): Promise<Published> => {
          const { unchecked, lane, ...order } = read(publishOrder, body)
          const key = order.key === undefined || order.key === '' ? newKey() : order.key
          const data = Buffer.from(order.text)
          if (unchecked) {
            const attributes = { idempotency_key: key, ...(lane !== undefined && { lane }) }
            return { messageId: await stack.client.topic(order.topic).publishMessage({ data, attributes }), key }
          }
          const checked = check(order.topic, data, now)
          if (!checked.ok) throw new ConsoleError(checked.problem, { field: 'text' })
          const options = { idempotencyKey: key, ...(lane !== undefined && { lane }) }
          try {
            return { messageId: await publishValid(publisher, checked.valid, options), key }
          } catch (error) {
            if (error instanceof PublisherValidationError) throw new ConsoleError(error.problem, { field: 'key' })
            throw error
          }
        },
      },
    ],
  }
}

function forms(): PublishForms {
  const of = (name: TopicName) => ({ kinds: kindsOf(name), examples: examplesOf(name) })
  return { topics: { identify: of('identify'), track: of('track'), transactional: of('transactional') } }
}

/** The messages of the local sample: sound ones first, then those that are broken in ways worth seeing. */
function examplesOf(name: TopicName): readonly Example[] {
  return SAMPLE.filter((sample) => sample.topic === name && sample.fault === undefined).map(({ label, body }) => ({
    label,
    text: typeof body === 'string' ? body : JSON.stringify(body, null, 2),
  }))
}

/** Pure but for the clock. */
export function verdictOn(name: TopicName, message: string, now: () => number): PublishVerdict {
  const problems = fieldProblems(TOPIC_SCHEMAS[name], Buffer.from(message), { now })
  return { problems, measures: measuresOf(name, documentIn(message)) }
}

function documentIn(message: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(message)
    return isRecord(document) ? document : {}
  } catch {
    return {}
  }
}
