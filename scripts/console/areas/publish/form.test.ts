import type { z } from 'zod'
import { parseMessage, TOPIC_SCHEMAS, type TopicName } from '../../../../shared/contract/index.ts'
import { type Field, type Kind, kindsOf } from './form.ts'

const TOPICS: readonly TopicName[] = ['identify', 'track', 'transactional']
const fieldIn = (fields: readonly Field[], name: string) => fields.find((field) => field.name === name)

/** A value for a field, as a person would give it. */
function filled({ input, name, choices = [], fields = [] }: Field): unknown {
  switch (input) {
    case 'number':
      return 7
    case 'flag':
      return true
    case 'choice':
      return choices[0]
    case 'time':
      return 1_763_740_000
    case 'files':
      return { 'a.txt': 'YQ==' }
    case 'json':
      return /relationships/.test(name) ? [] : {}
    case 'alternatives':
      return Object.fromEntries(fields.slice(0, 1).map((field) => [field.name, filled(field)]))
    case 'group':
      return Object.fromEntries(fields.filter(({ required }) => required).map((field) => [field.name, filled(field)]))
    default:
      return name === 'to' ? '+15550100' : '1'
  }
}

it('has every kind of every topic, with every field that tells it apart', () => {
  expect(kindsOf('transactional').map(({ name }) => name)).toEqual([
    ...['email', 'push', 'sms', 'whatsapp', 'in_app', 'inbox_message', 'broadcast'],
  ])
  expect(kindsOf('identify').map(({ fixed }) => fixed)).toContainEqual({ type: 'object', action: 'add_relationships' })
  expect(kindsOf('track')).toHaveLength(1)
})

it('asks for each field in the way that suits it', () => {
  const [email, push] = kindsOf('transactional')
  const inputOf = (kind: Kind | undefined, name: string) => fieldIn(kind?.fields ?? [], name)
  expect(inputOf(email, 'identifiers')).toMatchObject({ input: 'alternatives', required: true, fields: { length: 3 } })
  expect(inputOf(email, 'transactional_message_id')).toMatchObject({
    input: 'text',
    takesNumbers: true,
    required: false,
  })
  expect(inputOf(email, 'subject')).toMatchObject({ input: 'text' })
  expect(inputOf(email, 'body')).toMatchObject({
    input: 'lines',
    description: "The HTML body, in place of the template's.",
  })
  expect(inputOf(email, 'attachments')).toMatchObject({ input: 'files' })
  expect(inputOf(email, 'send_at')).toMatchObject({ input: 'time' })
  expect(inputOf(email, 'tracked')).toMatchObject({ input: 'flag' })
  expect(inputOf(email, 'message_data')).toMatchObject({ input: 'json' })
  const device = inputOf(push, 'custom_device')
  expect(fieldIn(device?.fields ?? [], 'platform')).toMatchObject({ input: 'choice', choices: ['ios', 'android'] })
})

it('fills in what the contract takes: the fixed fields and those that are required', () => {
  const refused = TOPICS.flatMap((topic) =>
    kindsOf(topic).flatMap(({ name, fixed, fields }) => {
      const required = fields.filter((field) => field.required).map((field) => [field.name, filled(field)])
      const message = { ...fixed, ...Object.fromEntries(required) }
      const parsed = parseMessage(TOPIC_SCHEMAS[topic] as z.ZodType, Buffer.from(JSON.stringify(message)))
      return parsed.ok ? [] : [`${topic} ${name}: ${parsed.error}`]
    }),
  )
  // What is required together with something else, no form can know: the verdict says it.
  expect(refused).toEqual([
    expect.stringMatching(/^identify person add_relationships: cio_relationships: /),
    expect.stringMatching(/^identify person delete_relationships: cio_relationships: /),
    expect.stringMatching(/^identify object identify: identifiers/),
    expect.stringMatching(/^identify object identify_anonymous: /),
    expect.stringMatching(/^identify object delete: identifiers/),
    expect.stringMatching(/^identify object add_relationships: /),
    expect.stringMatching(/^identify object delete_relationships: /),
    expect.stringMatching(/^transactional email: to: .*transactional_message_id: required, unless body/),
  ])
})

it('shows examples that keep the contract and are of their kind', () => {
  for (const topic of TOPICS) {
    for (const { fixed, examples } of kindsOf(topic)) {
      for (const example of examples) {
        expect(parseMessage(TOPIC_SCHEMAS[topic] as z.ZodType, Buffer.from(JSON.stringify(example)))).toMatchObject({
          ok: true,
        })
        expect(example).toEqual({ ...example, ...(example.channel === undefined ? {} : fixed) })
      }
    }
  }
  expect(kindsOf('transactional').find(({ name }) => name === 'email')?.examples).not.toEqual([])
})
