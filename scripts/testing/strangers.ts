import fc from 'fast-check'
import type { TopicName } from '../../shared/contract/index.ts'
import { isRecord } from '../../shared/json/index.ts'
import { identifyMessages, trackMessages, transactionalMessages } from '../schemas/arbitrary-messages.ts'

/**
 * Messages for people on the list of an environment and for strangers, and who a request names. It shares no code with the
 * guard: every address here is one of a few, which are looked for as text.
 */

const OURS = ['bob@acme.com', 'ann@partner.io', '+4915112345678', 'inbox@acme.io', '+4930000000', 'd-ours']
const STRANGERS = ['jane@customer.org', 'bob@acme.com.evil.org', 'bob@sub.acme.com', '+4915199999999', 'd-strange']
/** The list of the environment. */
const ALLOW = ['@acme.com', 'ann@partner.io', '+4915112345678', 'id:test-*', 'device:d-ours', 'broadcast:7']

const isEmail = (text: string) => text.includes('@')
const emails = [...OURS, ...STRANGERS].filter(isEmail)
const phones = [...OURS, ...STRANGERS].filter((text) => text.startsWith('+'))
const email = fc.constantFrom(...emails)
const phone = fc.constantFrom(...phones)
const written = email.chain((each) =>
  fc.constantFrom(
    each,
    each.toUpperCase(),
    `<${each}>`,
    `A Name <${each}>`,
    `"Name, A" <${each}>`,
    `"${each}" <bob@acme.com>`,
  ),
)
const addresses = fc.oneof(
  fc.array(written, { minLength: 1, maxLength: 4 }).map((list) => list.join(', ')),
  fc
    .oneof(email, phone)
    .chain((each) =>
      fc.constantFrom(
        '{{customer.email}}',
        `{% if a %}${each}{% endif %}`,
        `{{ a | default: "${each}" }}`,
        `{{a}}, ${each}`,
      ),
    ),
)
const known = fc.oneof(fc.constantFrom({ id: 'test-1' }, { id: 'u-1' }, { cio_id: 'c' }), fc.record({ email }))
const person = fc.oneof(known, fc.record({ phone }), fc.constant({ anonymous_id: 'v' }))
const profile = fc.record({ email: fc.oneof(email, fc.array(email)), phone, plan: fc.string() }, { requiredKeys: [] })
const object = fc.constant({ object_type_id: '1', object_id: 'acme' })
const headers = fc.oneof(
  fc.record({ Bcc: addresses, cc: addresses, 'X-A': email }, { requiredKeys: [] }),
  fc.record({ To: addresses }).map((each) => JSON.stringify(each)),
  fc.record({ name: fc.constantFrom('Cc', 'X-A'), value: addresses }).map((each) => JSON.stringify([each])),
)
const token = fc.constantFrom('d-ours', 'd-strange', 'all', 'last_used')
const device = token.map((each) => ({ token: each, platform: 'ios' }))

/** Messages whose every place for a person or an address holds one of these; those of the contract's own tests besides. */
export const GUARDED_MESSAGES: Record<TopicName, fc.Arbitrary<object>> = {
  identify: fc.oneof(
    identifyMessages,
    fc.record({ identifiers: person, attributes: profile }, { requiredKeys: ['identifiers'] }),
    fc.record({ action: fc.constantFrom('unsuppress', 'delete', 'suppress'), identifiers: person }),
    fc.record({ action: fc.constant('merge'), primary: known, secondary: known }),
    fc.record({ action: fc.constant('add_device'), identifiers: person, device }),
    fc.record({
      type: fc.constant('object'),
      action: fc.constantFrom('identify', 'add_relationships'),
      identifiers: object,
      cio_relationships: fc.array(fc.record({ identifiers: known }), { minLength: 1, maxLength: 3 }),
    }),
  ),
  track: fc.oneof(
    trackMessages,
    fc.record({
      identifiers: person,
      name: fc.constant('a'),
      attributes: fc.record(
        { recipient: fc.oneof(addresses, phone, fc.array(email)), other: email },
        { requiredKeys: [] },
      ),
    }),
  ),
  transactional: fc.oneof(
    transactionalMessages,
    fc.record(
      {
        channel: fc.constant('email'),
        to: addresses,
        cc: addresses,
        bcc: addresses,
        fake_bcc: fc.boolean(),
        headers,
        identifiers: known,
        transactional_message_id: fc.constant(1),
      },
      { requiredKeys: ['channel', 'to', 'identifiers', 'transactional_message_id'] },
    ),
    fc.record({
      channel: fc.constantFrom('sms', 'whatsapp'),
      to: fc.oneof(
        phone,
        fc.constant('{{customer.phone}}'),
        phone.map((each) => `{% if a %}${each}{% endif %}`),
      ),
      identifiers: known,
      transactional_message_id: fc.constant(1),
    }),
    fc.record(
      {
        channel: fc.constant('push'),
        to: token,
        custom_device: device,
        identifiers: known,
        transactional_message_id: fc.constant(1),
      },
      { requiredKeys: ['channel', 'identifiers', 'transactional_message_id'] },
    ),
    fc.record({
      channel: fc.constantFrom('in_app', 'inbox_message', 'whatsapp', 'push'),
      identifiers: known,
      transactional_message_id: fc.constant(1),
    }),
    fc.record({
      channel: fc.constant('inbox_message'),
      to: fc.oneof(email, phone),
      identifiers: known,
      transactional_message_id: fc.constant(1),
    }),
    fc
      .tuple(
        fc.record({ channel: fc.constant('broadcast'), broadcast_id: fc.constantFrom(7, 8) }),
        fc.oneof(
          fc.record({ emails: fc.array(email, { minLength: 1, maxLength: 3 }) }),
          fc.record({ per_user_data: fc.array(fc.record({ email }), { minLength: 1, maxLength: 3 }) }),
          fc.record({
            recipients: email.map((value) => ({ not: { attribute: { field: 'email', operator: 'eq', value } } })),
          }),
          fc.constant({}),
        ),
      )
      .map(([broadcast, audience]) => ({ ...broadcast, ...audience })),
  ),
}

/** Fields that name nobody who is written to. A device that is added to somebody on the list is theirs. */
const OTHERS = new Set(['device', 'message_data', 'reply_to', 'from', 'X-A', 'X-Intended-Recipient', 'other', 'plan'])
const TAKES_AWAY = new Set(['delete', 'suppress', 'delete_device'])

/** The strangers whom an operation, an event or a send names in a place that says where it goes. */
export function strangersIn(value: object): readonly string[] {
  if (TAKES_AWAY.has(String(Reflect.get(value, 'action')))) return []
  const text = destinations(value).join('\n').toLowerCase()
  return STRANGERS.filter((stranger) => text.includes(stranger))
}

/**
 * Whether a send that names no address itself goes to somebody on the list: the person, or an audience that nobody sees here.
 *
 * @param send the body of a send, or of a broadcast with its id as `broadcast`
 */
export function goesToOurs(send: Readonly<Record<string, unknown>>): boolean {
  const { broadcast, emails, ids, per_user_data, to, custom_device, identifiers } = send
  if (broadcast !== undefined)
    return broadcast === '7' || [emails, ids, per_user_data].some((people) => people !== undefined)
  const isAddressed = typeof to === 'string' && !/\{[{%]|^(all|last_used)$/.test(to)
  if (isAddressed || custom_device !== undefined || !isRecord(identifiers)) return true
  return String(identifiers.id).startsWith('test-') || OURS.includes(String(identifiers.email).toLowerCase())
}

/** Every text in the places that say where a message goes. */
function destinations(value: unknown, name = ''): string[] {
  if (OTHERS.has(name)) return []
  if (typeof value === 'string') {
    const parsed = name === 'headers' ? headersIn(value) : undefined
    return parsed === undefined ? [value] : destinations(parsed, 'parsed')
  }
  if (Array.isArray(value)) return value.flatMap((each) => destinations(each, name))
  if (!isRecord(value)) return []
  if (typeof value.name === 'string' && OTHERS.has(value.name)) return []
  return Object.entries(value).flatMap(([key, each]) => destinations(each, key))
}

function headersIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const redirect = (redirect_to: object) => ({ allow: ALLOW, otherwise: 'redirect', redirect_to })

/** The rules of environments that do each of what can be done with the rest. */
export const RULES = [
  { allow: ALLOW },
  { allow: ALLOW, otherwise: 'drop' },
  redirect({ email: 'inbox@acme.io', phone: '+4930000000' }),
  redirect({ email: 'inbox@acme.io' }),
] as const
