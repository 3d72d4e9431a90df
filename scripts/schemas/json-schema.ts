/** The JSON Schema documents of the topics, made from the schemas of the contract. */
import { z } from 'zod'
import {
  DEFINITIONS,
  identifyMessage,
  messageAttributes,
  type TopicName,
  trackMessage,
  transactionalMessage,
} from '../../shared/contract/index.ts'
import { isRecord } from '../../shared/json/index.ts'
import { describe } from './descriptions.ts'
import { exampleMessages } from './examples.ts'
import { RULES } from './rules.ts'
import { discriminated, exclusive, type JsonSchema } from './unions.ts'

export const TOPICS = {
  identify: { message: identifyMessage, title: 'IdentifyMessage' },
  track: { message: trackMessage, title: 'TrackMessage' },
  transactional: { message: transactionalMessage, title: 'TransactionalMessage' },
} as const satisfies Record<TopicName, { readonly message: unknown; readonly title: string }>
export type Topic = keyof typeof TOPICS

// Named here and not in the contract, whose import is part of every cold start.
for (const [id, schema] of Object.entries(DEFINITIONS)) z.globalRegistry.add(schema, { ...schema.meta(), id })

/** What a publisher may send (`io: 'input'`): before defaults and conversions. */
export function topicSchema(topic: Topic): JsonSchema {
  const { message, title } = TOPICS[topic]
  const { $schema, $defs, ...root }: JsonSchema = JSON.parse(JSON.stringify(z.toJSONSchema(message, { io: 'input' })))
  const definitions: Record<string, JsonSchema> = {}
  const add = (name: string, schema: JsonSchema): JsonSchema => {
    definitions[name] = describe(name, tidy(merged(schema, name)))
    return { $ref: `#/$defs/${name}` }
  }
  for (const [name, { id, ...schema }] of Object.entries($defs ?? {})) add(name, schema)
  const body = root.oneOf
    ? discriminated(root, (values, branch) => add(pascalCase(values), branch))
    : merged(root, title)
  return {
    $schema,
    $id: `urn:cio-gcp:contract:${topic}`,
    ...describe(title, tidy(body)),
    title,
    examples: exampleMessages(topic),
    $defs: definitions,
  }
}

/** The attributes beside a message of any topic. */
export function attributesSchema(): JsonSchema {
  const title = 'MessageAttributes'
  const schema: JsonSchema = JSON.parse(JSON.stringify(z.toJSONSchema(messageAttributes, { io: 'input' })))
  return { $id: 'urn:cio-gcp:contract:attributes', ...describe(title, tidy(schema)), title }
}

/** With what zod cannot tell of the contract's own checks. */
function merged(schema: JsonSchema, name: string): JsonSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([field, property]) => [
    field,
    withRule(property, RULES[`${name}.${field}`]),
  ])
  return { ...schema, ...(properties.length > 0 && { properties: Object.fromEntries(properties) }), ...RULES[name] }
}

/** A rule is about the value, where there is one: of a field that may be null, about the branch that is not. */
function withRule(property: JsonSchema, rule: JsonSchema | undefined): JsonSchema {
  const { anyOf } = property
  if (rule === undefined || !anyOf?.some(({ type }) => type === 'null')) return { ...property, ...rule }
  return { ...property, anyOf: anyOf.map((branch) => (branch.type === 'null' ? branch : { ...branch, ...rule })) }
}

/** Without what says nothing and what a reader without plugins refuses (`format`), and with unions of objects told apart. */
function tidy(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (keyword, value) => {
    if (keyword === 'format' || (keyword === 'propertyNames' && Object.keys(value).join() === 'type')) return undefined
    if (isRecord(value) && Array.isArray(value.type) && value.properties === undefined) {
      const { type, ...rest } = value
      return { ...rest, anyOf: type.map((one) => ({ type: one })) }
    }
    return typeof value === 'object' && 'anyOf' in value ? exclusive(value) : value
  })
}

function pascalCase(words: readonly string[]): string {
  return words
    .flatMap((word) => word.split('_'))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}
