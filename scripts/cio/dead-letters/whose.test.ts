import { relationOf, soughtAs } from './whose.ts'

const relation = (topic: string, body: unknown, name: string) =>
  relationOf(topic, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), soughtAs(name))

const broadcast = (fields: object) => ({ channel: 'broadcast', broadcast_id: 1, ...fields })
const people = Array.from({ length: 51 }, (_, index) => `u${index}`)

describe('what a message has to do with somebody', () => {
  it.each<[string, string, unknown, string]>([
    ['none', 'track', { identifiers: { id: 'u1' }, name: 'x', attributes: { items: [{ id: 5 }] } }, '5'],
    ['own', 'track', { identifiers: { id: 5 }, name: 'x' }, '5'],
    ['none', 'track', { identifiers: { id: '05' }, name: 'x' }, '5'],
    ['none', 'identify', { identifiers: { email: 'joann@x.com' } }, 'ann@x.com'],
    ['own', 'identify', { identifiers: { id: 'u1' }, attributes: { email: 'ANN@x.com' } }, 'ann@x.com'],
    ['own', 'identify', { identifiers: { phone: '+14155552671' } }, '+1 415 555-2671'],
    ['own', 'track', { identifiers: { anonymous_id: 'v' }, name: 'x' }, 'v'],
    ['shared', 'transactional', broadcast({ ids: people }), 'u7'],
    ['own', 'transactional', broadcast({ ids: ['u7'] }), 'u7'],
    ['perhaps', 'identify', '{"email": "Ann@X.com", not json', 'ann@x.com'],
    ['none', 'identify', '{"email": "joann@x.com", not json', 'ann@x.com'],
    ['perhaps', 'track', { identifiers: { id: 'u1' } }, 'u1'],
    ['perhaps', 'track', `${'{"a":'.repeat(5_000)}{"id":"deep"}${'}'.repeat(5_000)}`, 'deep'],
    ['own', 'webhook-events', webhook({ identifiers: { id: 'u1' } }), 'u1'],
    ['own', 'webhook-events', webhook({ recipient: 'Ann <ann@x.com>' }), 'ann@x.com'],
    ['own', 'webhook-events', { event_id: 7, object_type_type: 'email', data: { customer_id: 'u1' } }, 'u1'],
    ['none', 'webhook-events', webhook({ campaign_id: 5, content: 'for 5' }), '5'],
    ['perhaps', 'webhook-events', { object_type: 'email', data: { identifiers: { id: 'u1' } } }, 'u1'],
  ])('is %s: %s %j and %s', (expected, topic, body, name) => {
    expect(relation(topic, body, name)).toBe(expected)
  })
})

describe('what a line of the record has to do with somebody', () => {
  const sought = { ...soughtAs('ann@x.com'), hashes: ['h1', 'h2'] }
  it.each<[string, unknown]>([
    ['own', { jsonPayload: { persons: ['h2', 'h9'] } }],
    ['shared', { jsonPayload: { persons: ['h9', 'h1'] } }],
    ['none', { jsonPayload: { persons: ['h9'] } }],
    ['none', { jsonPayload: { persons: [] } }],
    ['perhaps', { jsonPayload: { persons: 'h1' } }],
    ['perhaps', { textPayload: 'ann@x.com' }],
    ['none', { textPayload: 'bob@x.com' }],
  ])('is %s: %j', (expected, line) => {
    expect(relationOf('message-outcomes', Buffer.from(JSON.stringify(line)), sought)).toBe(expected)
  })

  it('is nothing where only names are known, and of no other topic', () => {
    const line = Buffer.from(JSON.stringify({ jsonPayload: { persons: ['h1'] } }))
    expect(relationOf('message-outcomes', line, soughtAs('ann@x.com'))).toBe('none')
    expect(relationOf('track', line, { ...sought, hashes: ['h2'] })).toBe('none')
  })
})

function webhook(data: object) {
  return { event_id: 'e', object_type: 'email', metric: 'sent', timestamp: 1, data }
}
