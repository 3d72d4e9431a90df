import type { z } from 'zod'
import { type Measure, measuresOf, parseMessage, TOPIC_SCHEMAS } from './index.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value))
const sizeOf = (topic: 'identify' | 'track' | 'transactional', document: Record<string, unknown>, of: Measure['of']) =>
  measuresOf(topic, document).find((measure) => measure.of === of)

const person = { identifiers: { id: 'u1' } }
const email = { channel: 'email', ...person, transactional_message_id: 1, to: 'a@example.com' }

/** Grows one part of a message by `n` units. */
const GROWING: readonly (readonly [
  string,
  'identify' | 'track' | 'transactional',
  Measure['of'],
  (n: number) => object,
])[] = [
  ['an update', 'identify', 'message', (n) => ({ ...person, attributes: { list: ['é'.repeat(n)] } })],
  ['an event', 'track', 'message', (n) => ({ ...person, name: 'x', attributes: { text: 'é'.repeat(n) } })],
  [
    'attributes',
    'identify',
    'attributes',
    (n) => ({ ...person, attributes: Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, 1])) }),
  ],
  [
    'the name of an attribute',
    'identify',
    'attribute name',
    (n) => ({ ...person, attributes: { ['é'.repeat(n)]: 1 } }),
  ],
  [
    'the value of an attribute',
    'identify',
    'attribute value',
    (n) => ({ ...person, attributes: { text: 'é'.repeat(n) } }),
  ],
  ['an e-mail', 'transactional', 'message', (n) => ({ ...email, body: 'é'.repeat(n) })],
  [
    'attachments',
    'transactional',
    'attachments',
    (n) => ({ ...email, attachments: { 'a.bin': Buffer.alloc(n).toString('base64') } }),
  ],
  [
    'recipients',
    'transactional',
    'recipients',
    (n) => ({ ...email, cc: Array.from({ length: n }, () => 'a@example.com').join(', ') }),
  ],
]

it.each(GROWING)(
  'measures %s as the contract does: what fills the limit passes, and what is beyond it does not',
  (_what, topic, of, grown) => {
    const measured = (n: number) => sizeOf(topic, { ...grown(n) }, of) ?? { size: Number.NaN, limit: Number.NaN }
    const [first, second] = [measured(1), measured(2)]
    const step = second.size - first.size
    const most = 1 + Math.floor((first.limit - first.size) / step)
    const isAccepted = (n: number) => parseMessage(TOPIC_SCHEMAS[topic] as z.ZodType, encode(grown(n))).ok
    expect([measured(most).size <= first.limit, isAccepted(most)]).toEqual([true, true])
    expect([measured(most + 1).size > first.limit, isAccepted(most + 1)]).toEqual([true, false])
  },
)

it('measures what breaks the contract otherwise', () => {
  expect(sizeOf('transactional', { channel: 'email', to: 7, attachments: { a: '§' } }, 'attachments')).toMatchObject({
    size: 0,
  })
  expect(sizeOf('identify', { attributes: 'no object' }, 'message')).toMatchObject({ limit: 29_900 })
  expect(measuresOf('transactional', { channel: 'broadcast' })).toEqual([])
})
