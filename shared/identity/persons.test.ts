import fc from 'fast-check'
import * as z from 'zod'
import { identifyMessages, trackMessages, transactionalMessages } from '../../scripts/schemas/arbitrary-messages.ts'
import { parseMessage, TOPIC_SCHEMAS, type TopicName } from '../contract/index.ts'
import { isRecord } from '../json/index.ts'
import { identifierOf, keyOf, ownershipOf, personsIn, personsInWebhook } from './index.ts'
import { NAMING_FIELDS } from './persons.ts'

const named = (topic: TopicName, message: object) => personsIn(topic, message).map((one) => `${one.role} ${keyOf(one)}`)

describe('the persons of a message', () => {
  it.each<[TopicName, object, string[]]>([
    ['identify', { type: 'person', identifiers: { id: 'u1' } }, ['subject id:u1']],
    [
      'identify',
      { type: 'person', identifiers: { id: 'u1' }, attributes: { id: null, email: null, phone: true, cio_id: {} } },
      ['subject id:u1'],
    ],
    [
      'identify',
      {
        type: 'person',
        identifiers: { id: '5' },
        attributes: { email: 'Ann@X.com', phone: '+14155552671', note: 'id 7' },
      },
      ['subject id:5', 'subject email:ann@x.com', 'subject phone:+14155552671'],
    ],
    [
      'identify',
      {
        type: 'object',
        identifiers: { object_type_id: '1', object_id: '5' },
        attributes: { email: 'office@acme.com' },
      },
      [],
    ],
    [
      'identify',
      { action: 'merge', primary: { id: 'a' }, secondary: { cio_id: 'b' } },
      ['subject id:a', 'subject cio_id:b'],
    ],
    [
      'identify',
      {
        type: 'object',
        identifiers: { cio_object_id: 'o' },
        cio_relationships: [{ identifiers: { email: 'A@x.com' } }, { identifiers: { anonymous_id: 'v' } }],
      },
      ['mention email:a@x.com', 'mention anonymous_id:v'],
    ],
    [
      'track',
      {
        identifiers: { phone: '+14155552671' },
        name: 'x',
        attributes: { recipient: 'Bob <bob@x.com>', reply_to: 'c@x.com', items: [{ id: 5, email: 'd@x.com' }] },
      },
      ['subject phone:+14155552671', 'recipient email:bob@x.com', 'mention email:c@x.com'],
    ],
    [
      'transactional',
      {
        channel: 'email',
        identifiers: { cio_id: 'c' },
        to: '"Doe, Ann" <ann@x.com>, bob@x.com',
        bcc: 'archive@x.com',
        from: 'shop@x.com',
        message_data: { email: 'data@x.com' },
      },
      [
        'subject cio_id:c',
        'recipient email:ann@x.com',
        'recipient email:bob@x.com',
        'recipient email:archive@x.com',
        'mention email:shop@x.com',
      ],
    ],
    [
      'transactional',
      { channel: 'push', identifiers: { id: 'u' }, to: 'last_used', custom_device: { token: 'ann@x.com' } },
      ['subject id:u'],
    ],
    [
      'identify',
      { identifiers: { id: 'a' }, anonymous_id: 'v', attributes: { id: 'b', cio_id: 'c', anonymous_id: 'w' } },
      ['subject id:a', 'mention anonymous_id:v', 'subject id:b', 'subject cio_id:c', 'subject anonymous_id:w'],
    ],
    [
      'track',
      { identifiers: { id: 'a' }, name: 'x', attributes: { from_address: 'shop@x.com' } },
      ['subject id:a', 'mention email:shop@x.com'],
    ],
    [
      'transactional',
      { channel: 'email', to: 'ann@x.com', cc: 'bob@x.com', reply_to: 'help@x.com' },
      ['recipient email:ann@x.com', 'recipient email:bob@x.com', 'mention email:help@x.com'],
    ],
    ['transactional', { channel: 'sms', to: '+1 415 555 2671' }, ['recipient phone:+14155552671']],
    ['transactional', { channel: 'sms', to: '14155552671' }, []],
    // Archives hold what keeps no contract as well.
    ['transactional', { to: 5, ids: 'a', recipients: [null, { attribute: null }] }, []],
    ['transactional', { channel: 'broadcast', ids: ['a', 7] }, ['audience id:a', 'audience id:7']],
    ['transactional', { channel: 'broadcast', emails: ['A@x.com'] }, ['audience email:a@x.com']],
    [
      'transactional',
      { channel: 'broadcast', per_user_data: [{ id: 'a', data: { id: 'b' } }, { email: 'c@x.com' }] },
      ['audience id:a', 'audience email:c@x.com'],
    ],
    [
      'transactional',
      {
        channel: 'broadcast',
        recipients: { and: [{ segment: { id: 5 } }, { not: { attribute: { field: 'email', value: 'A@x.com' } } }] },
      },
      ['mention email:a@x.com'],
    ],
    [
      'transactional',
      {
        channel: 'broadcast',
        recipients: {
          or: ['name', 'cio_id', 'phone'].map((field) => ({
            attribute: { field, operator: 'eq', value: '+14155552671' },
          })),
        },
      },
      ['mention phone:+14155552671', 'mention cio_id:+14155552671'],
    ],
  ])('of %s, %j, are %j', (topic, message, expected) => {
    expect(named(topic, message)).toEqual(expected)
  })

  it('are found at any depth that the contract allows', () => {
    let filter: object = { attribute: { field: 'id', operator: 'eq', value: 'deep' } }
    for (let depth = 0; depth < 60; depth++) filter = { not: filter }
    expect(named('transactional', { channel: 'broadcast', recipients: filter })).toEqual(['mention id:deep'])
  })

  it('of a webhook are found where Customer.io puts them, and nowhere else', () => {
    const data = {
      identifiers: { id: null, email: 'Ann@X.com', phone: '+14155552671' },
      customer_id: '5',
      recipient: 'Ann <ann@x.com>',
      campaign_id: 7,
      content: '{"id":"8"}',
    }
    expect(personsInWebhook({ event_id: '9', data }).map(keyOf)).toEqual([
      'email:ann@x.com',
      'phone:+14155552671',
      'id:5',
      'email:ann@x.com',
    ])
    for (const none of ['none', null, {}, { recipient: 5 }]) expect(personsInWebhook({ data: none })).toEqual([])
  })
})

describe('a webhook', () => {
  const of = (data: object) => personsInWebhook({ data }).map((one) => `${one.role} ${keyOf(one)}`)

  it('of a change of subscription names whom it is about', () => {
    expect(of({ email_address: 'Ann@x.com', customer_id: '5' })).toEqual(['subject id:5', 'subject email:ann@x.com'])
  })

  it.each([
    ['14155552671', ['recipient phone:+14155552671']],
    ['+14155552671', ['recipient phone:+14155552671']],
    ['0014155552671', ['recipient phone:+14155552671']],
    ['1234567@x.com', ['recipient email:1234567@x.com']],
    ['041555526', []],
  ])('shows a phone number perhaps without its plus sign, and an address is no number: %s', (recipient, expected) => {
    expect(of({ recipient })).toEqual(expected)
  })

  it('names a person by the phone number as it shows it, and as it was published', () => {
    expect(of({ identifiers: { phone: '14155552671' } })).toEqual([
      'subject phone:14155552671',
      'subject phone:+14155552671',
    ])
  })
})

describe('whose a message is', () => {
  const own = (topic: TopicName, message: object, email: string) =>
    ownershipOf(personsIn(topic, message), (one) => keyOf(one) === `email:${email}`)
  const send = { channel: 'email', identifiers: { email: 'ann@x.com' } }

  it.each<[string, object, string]>([
    ['own', { ...send, to: 'bob@x.com' }, 'ann@x.com'],
    ['own', { ...send, to: 'Bob <bob@x.com>' }, 'bob@x.com'],
    ['own', { ...send, to: 'ann@x.com, bob@x.com' }, 'ann@x.com'],
    ['shared', { ...send, to: 'bob@x.com, cid@x.com' }, 'bob@x.com'],
    ['shared', { ...send, to: 'ann@x.com', cc: 'bob@x.com' }, 'bob@x.com'],
    ['none', { ...send, to: 'joann@x.com' }, 'jo@x.com'],
    ['own', { channel: 'broadcast', emails: ['Ann@x.com', 'ann@X.com'] }, 'ann@x.com'],
    ['shared', { channel: 'broadcast', emails: ['ann@x.com', 'bob@x.com'] }, 'ann@x.com'],
  ])('is %s for %j and %s', (expected, message, email) => {
    expect(own('transactional', message, email)).toBe(expected)
  })

  it('is shared where a relationship names somebody', () => {
    const message = {
      type: 'object',
      identifiers: { cio_object_id: 'o' },
      cio_relationships: [{ identifiers: { email: 'a@x.com' } }],
    }
    expect(own('identify', message, 'a@x.com')).toBe('shared')
  })
})

/** Fields of the contract that name nobody; `*` is an object of any names. */
const NAME_NOBODY: Readonly<Record<TopicName, readonly string[]>> = {
  identify: [
    'action',
    'type',
    'timestamp',
    'attributes.*',
    'identifiers.object_type_id',
    'identifiers.object_id',
    'identifiers.cio_object_id',
    'cio_relationships[].identifiers.object_type_id',
    'cio_relationships[].identifiers.object_id',
    'cio_relationships[].identifiers.cio_object_id',
    'cio_relationships[].relationship_attributes.*',
    'device.token',
    'device.platform',
    'device.last_used',
    'device.attributes.*',
  ],
  track: ['action', 'type', 'name', 'attributes.*', 'timestamp', 'id'],
  transactional: [
    ...['channel', 'send_at', 'queue_draft', 'language', 'auto_create', 'tracked', 'fake_bcc', 'message_data.*'],
    ...['disable_message_retention', 'disable_css_preprocessing', 'send_to_unsubscribed', 'transactional_message_id'],
    ...['subject', 'preheader', 'body', 'body_plain', 'body_amp', 'headers', 'headers.*', 'attachments.*'],
    ...['title', 'message', 'image_url', 'link', 'sound', 'custom_data.*', 'custom_payload.*'],
    ...['custom_device.token', 'custom_device.platform', 'custom_device.last_used', 'custom_device.attributes.*'],
    ...['broadcast_id', 'data.*', 'data_file_url', 'per_user_data[].data.*', 'id_ignore_missing'],
    ...['email_ignore_missing', 'email_add_duplicates'],
  ],
}

/** Every field that a schema has, by path. */
function pathsOf(schema: unknown, path = ''): string[] {
  if (!isRecord(schema)) return []
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((all) => (Array.isArray(all) ? all : []))
  const found = branches.flatMap((branch) => pathsOf(branch, path))
  if (isRecord(schema.properties)) {
    for (const [name, field] of Object.entries(schema.properties)) {
      found.push(...pathsOf(field, path === '' ? name : `${path}.${name}`))
    }
  } else if (schema.type === 'object') found.push(`${path}.*`)
  else if (schema.type === 'array') found.push(...pathsOf(schema.items, `${path}[]`))
  else if (branches.length === 0 && schema.type !== 'null') found.push(path)
  return [...new Set(found)]
}

it.each(Object.keys(TOPIC_SCHEMAS) as TopicName[])(
  'every field of %s either names persons or is known not to',
  (topic) => {
    // By a registry of its own, which names no schema: where one has an id, there would be a reference to it.
    const options = {
      io: 'input',
      reused: 'inline',
      unrepresentable: 'any',
      metadata: z.registry<{ id?: string }>(),
    } as const
    const paths = pathsOf(z.toJSONSchema(TOPIC_SCHEMAS[topic], options))
    const naming = new Set(
      NAMING_FIELDS[topic].flatMap(({ path, as }) =>
        as === 'identifiers'
          ? ['id', 'email', 'cio_id', 'phone', 'anonymous_id'].map((kind) => `${path}.${kind}`)
          : [path],
      ),
    )
    const nobody = new Set(NAME_NOBODY[topic])
    expect(paths.length).toBeGreaterThan(5)
    expect(paths.filter((path) => !naming.has(path) && !nobody.has(path))).toEqual([])
    expect([...nobody].filter((path) => !paths.includes(path))).toEqual([])
  },
)

it('every identifier of random messages of every topic is found, and nobody who is not named', () => {
  const messages = fc.oneof(
    identifyMessages.map((message) => ['identify', message] as const),
    trackMessages.map((message) => ['track', message] as const),
    transactionalMessages.map((message) => ['transactional', message] as const),
  )
  fc.assert(
    fc.property(messages, ([topic, message]) => {
      const parsed = parseMessage(TOPIC_SCHEMAS[topic], Buffer.from(JSON.stringify(message)))
      if (!parsed.ok) throw new Error(parsed.error)
      const found = personsIn(topic, parsed.value)
      // As published or as parsed: the same persons.
      expect(new Set(personsIn(topic, message).map(keyOf))).toEqual(new Set(found.map(keyOf)))
      const { identifiers } = parsed.value as { identifiers?: Record<string, unknown> }
      for (const kind of ['id', 'email', 'cio_id', 'phone', 'anonymous_id'] as const) {
        const identifier = identifierOf(kind, identifiers?.[kind])
        if (identifier !== undefined) expect(found.map(keyOf)).toContain(keyOf(identifier))
      }
    }),
  )
})
