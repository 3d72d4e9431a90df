import fc from 'fast-check'
import { decodeWebhookEvent } from '../warehouse/index.ts'
import { readWebhook } from './webhook.ts'

/** Whatever a webhook's body is, warehouse and repository take the same from it. */

const NOW_MS = 1_793_700_000_000
const RECEIVED_AT = '2026-11-03T09:00:00.000Z'
const RECEIVED = Date.parse(RECEIVED_AT) / 1_000

interface Meaning {
  /** `marketing false 1793610000`, sorted. */
  readonly choices: readonly string[]
  readonly person: string | undefined
  /** Something is kept that could not be read. */
  readonly lost: boolean
}

const personOf = (id: unknown, email: unknown) =>
  id === undefined && email === undefined ? undefined : `${id} ${email}`

function inWarehouse(message: { data: Buffer; attributes: Record<string, string> }): Meaning {
  const decoded = decodeWebhookEvent({ ...message, messageId: 'm', publishTime: '' }, NOW_MS)
  if (!decoded.ok) throw new Error(decoded.error)
  const rows = decoded.value.rows.filter(({ table }) => table === 'subscription_changes').map(({ json }) => json)
  const consents = rows.filter(({ subscribed }) => subscribed !== undefined)
  const choices = consents.map(({ topic_id, channel, subscribed, timestamp }) => {
    const name = topic_id ?? (channel === undefined ? 'marketing' : `channel_${channel}`)
    return `${name} ${subscribed} ${Math.floor(Date.parse(String(timestamp)) / 1_000)}`
  })
  const [row] = rows
  return {
    choices: choices.toSorted(),
    person: row && personOf(row.person_id, row.person_email),
    lost: decoded.value.rows.some(({ table }) => table === 'webhook_quarantine'),
  }
}

function inRepository(message: { data: Buffer; attributes: Record<string, string> }): Meaning {
  const read = readWebhook(message, NOW_MS)
  if (read.kind === 'ignored') return { choices: [], person: undefined, lost: false }
  if (read.kind === 'unread') return { choices: [], person: undefined, lost: true }
  const { person, observations, unread } = read.news
  return {
    choices: observations.map(([name, { value, at }]) => `${name} ${value} ${at}`).toSorted(),
    person: personOf(person.id, person.email),
    lost: unread !== undefined,
  }
}

const id = fc.oneof(fc.constantFrom('1', '', 'ada', 7, 0, null, true, 12345678901234567890n.toString()), fc.string())
const email = fc.constantFrom('ann@example.com', 'Ann <ANN@example.com>', '', null, 'boss@example.com')
const flag = fc.constantFrom(true, false, 'true', 'false', 'False', '1', 0, 1, null, 'maybe', {}, [])
const topic = fc.oneof(fc.constantFrom('topic_1', 'topic_7', 'topic_0', 'news', ''), fc.string())
const channel = fc.oneof(fc.constantFrom('email', 'sms', 'in_app', 'rcs', 'E-Mail', ''), fc.string())
const json = (depth: number) => (value: unknown) => {
  let written = value
  for (let i = 0; i < depth; i++) written = JSON.stringify(written)
  return written
}
const nested = (value: fc.Arbitrary<unknown>) => fc.tuple(value, fc.nat(3)).map(([inner, depth]) => json(depth)(inner))
const content = fc.oneof(
  nested(
    fc.record(
      {
        topics: nested(fc.oneof(fc.dictionary(topic, flag, { maxKeys: 4 }), fc.jsonValue())),
        channels: nested(fc.oneof(fc.dictionary(channel, flag, { maxKeys: 4 }), fc.jsonValue())),
        locales: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  ),
  fc.jsonValue(),
)
const timestamp = fc.oneof(
  fc.integer({ min: RECEIVED - 500_000, max: RECEIVED + 500_000 }),
  fc.double({ min: RECEIVED - 1_000, max: RECEIVED, noNaN: true }),
  fc.constantFrom(
    RECEIVED * 1_000,
    String(RECEIVED),
    RECEIVED_AT,
    null,
    'soon',
    1_300_000_000,
    RECEIVED + 200 * 86_400,
  ),
)
const body = fc.record(
  {
    event_id: fc.constantFrom('e1', 7, '', null),
    object_type: fc.constantFrom('customer', 'email', 'sms', null),
    metric: fc.constantFrom(
      'subscribed',
      'unsubscribed',
      'spammed',
      'bounced',
      'cio_subscription_preferences_changed',
      'subscription_preferences_changed',
      'opened',
      null,
    ),
    timestamp,
    data: fc.oneof(
      fc.record(
        {
          identifiers: fc.oneof(fc.record({ id, email }, { requiredKeys: [] }), fc.constantFrom(null, 'broken', 7)),
          customer_id: id,
          email_address: email,
          recipient: email,
          delivery_id: fc.constantFrom('d1', null),
          content,
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
  },
  { requiredKeys: ['metric'] },
)

const WITHOUT_A_TIME_AND_EMPTY = {
  event_id: 'e1',
  metric: 'cio_subscription_preferences_changed',
  data: { content: { topics: {} } },
}

it('any body of a webhook means the same to both', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: body }, { weight: 1, arbitrary: fc.jsonValue() }), (event) => {
      const attributes: Record<string, string> = { received_at: RECEIVED_AT }
      if (typeof event === 'object' && event !== null && 'metric' in event && typeof event.metric === 'string') {
        attributes.metric = event.metric
      }
      const message = { data: Buffer.from(JSON.stringify(event)), attributes }
      const [warehouse, repository] = [inWarehouse(message), inRepository(message)]
      expect(repository.choices).toEqual(warehouse.choices)
      // The warehouse keeps the opt-out of no readable time in its quarantine as well, and whatever is about no preference.
      if (repository.lost) expect(warehouse.lost).toBe(true)
      if (warehouse.choices.length > 0) expect(repository.person).toBe(warehouse.person)
      const isPreference = /subscribed|spammed|preferences/.test(attributes.metric ?? '')
      if (isPreference && warehouse.lost && warehouse.choices.length === 0) expect(repository.lost).toBe(true)
    }),
    { numRuns: 5_000, examples: [[WITHOUT_A_TIME_AND_EMPTY]] },
  )
})
