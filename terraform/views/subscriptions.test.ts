import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const AT = NOW_MS / 1000 - 1000
const iso = (second: number): string => new Date((AT + second) * 1000).toISOString()

let warehouse: TestWarehouse
let sequence = 0

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(async () => {
  sequence = 0
  await warehouse.clear()
})

interface Who {
  readonly id?: string
  readonly email?: string
  readonly cio_id?: string
}

/** A webhook about a person, `second` seconds after the start. Event ids count up in the order of the calls. */
function event(metric: string, second: number, who: Who, more: Record<string, unknown> = {}, objectType = 'customer') {
  const event_id = `event-${String(++sequence).padStart(3, '0')}`
  return { event_id, object_type: objectType, metric, timestamp: AT + second, data: { identifiers: who, ...more } }
}
const preferences = (second: number, who: Who, topics: Record<string, boolean>) =>
  event('cio_subscription_preferences_changed', second, who, { content: JSON.stringify({ topics }) })

const STATES = `
  SELECT person, topic_id, channel, subscribed, may_receive, event_id
  FROM customerio.current_subscriptions ORDER BY person, topic_id, channel`
const states = async () =>
  (await warehouse.query(STATES)).map(
    ({ person, topic_id, channel, subscribed, may_receive, event_id }) =>
      `${person} ${topic_id ?? '*'}${channel === undefined ? '' : `/${channel}`} ${subscribed ? 'in' : 'out'}${subscribed === may_receive ? '' : ' but may not receive'} (${event_id})`,
  )

const ADA: Who = { id: 'ada', email: 'ada@example.com', cio_id: 'c1' }
const BOB: Who = { id: 'bob', email: 'bob@example.com', cio_id: 'c2' }

describe('current_subscriptions', () => {
  it('gives every column of the latest change', async () => {
    await warehouse.receive(
      event('subscribed', 0, ADA),
      event('bounced', 5, ADA, { failure_message: '550' }, 'email'),
      preferences(10, { ...ADA, email: 'ada@new.example.com' }, { topic_1: false }),
    )
    expect(await warehouse.query('SELECT * FROM customerio.current_subscriptions ORDER BY topic_id')).toEqual([
      {
        person: 'cio_id:c1',
        person_id: 'ada',
        person_email: 'ada@new.example.com',
        person_cio_id: 'c1',
        subscribed: true,
        may_receive: true,
        changed_at: iso(0),
        changed_by: 'global',
        event_id: 'event-001',
        email_bounced_at: iso(5),
      },
      {
        person: 'cio_id:c1',
        person_id: 'ada',
        person_email: 'ada@new.example.com',
        person_cio_id: 'c1',
        topic_id: 'topic_1',
        subscribed: false,
        may_receive: false,
        changed_at: iso(10),
        changed_by: 'topic',
        event_id: 'event-003',
        email_bounced_at: iso(5),
      },
    ])
  })

  it('lets the latest change count, whatever the order in which they arrive', async () => {
    await warehouse.receive(event('unsubscribed', 20, ADA))
    await warehouse.receive(event('subscribed', 10, ADA))
    await warehouse.receive(preferences(5, BOB, { topic_1: false }), preferences(6, BOB, { topic_1: true }))
    expect(await states()).toEqual(['cio_id:c1 * out (event-001)', 'cio_id:c2 topic_1 in (event-004)'])
  })

  it('keeps topics apart, and lets an opt-out of everything stand above all of them', async () => {
    await warehouse.receive(preferences(0, ADA, { topic_1: true, topic_2: false }))
    await warehouse.receive(event('unsubscribed', 1, ADA), preferences(2, ADA, { topic_3: true }))
    expect(await states()).toEqual([
      'cio_id:c1 * out (event-002)',
      'cio_id:c1 topic_1 in but may not receive (event-001)',
      'cio_id:c1 topic_2 out (event-001)',
      'cio_id:c1 topic_3 in but may not receive (event-003)',
    ])
  })

  it('lets nobody receive on a channel that they left, whatever topic it is about', async () => {
    const change = (second: number, who: Who, content: object) =>
      event('cio_subscription_preferences_changed', second, who, { content: JSON.stringify(content) })
    await warehouse.receive(
      change(0, ADA, { topics: { topic_1: true, topic_2: false }, channels: { email: false, sms: true } }),
      change(1, BOB, { channels: { email: true } }),
      event('unsubscribed', 2, BOB),
    )
    expect(await states()).toEqual([
      'cio_id:c1 */email out (event-001)',
      'cio_id:c1 */sms in (event-001)',
      'cio_id:c1 topic_1 in (event-001)',
      'cio_id:c1 topic_1/email in but may not receive (event-001)',
      'cio_id:c1 topic_1/sms in (event-001)',
      'cio_id:c1 topic_2 out (event-001)',
      'cio_id:c1 topic_2/email out (event-001)',
      'cio_id:c1 topic_2/sms out (event-001)',
      'cio_id:c2 * out (event-003)',
      'cio_id:c2 */email in but may not receive (event-002)',
    ])
  })

  it('counts an opt-out whose time cannot be read from its arrival, and an opt-in of no time not at all', async () => {
    const undated = { timestamp: undefined }
    await warehouse.receive(
      event('subscribed', 0, ADA),
      { ...event('unsubscribed', 1, ADA), ...undated },
      event('unsubscribed', 2, BOB),
      { ...event('subscribed', 3, BOB), ...undated },
    )
    expect(await states()).toEqual(['cio_id:c1 * out (event-002)', 'cio_id:c2 * out (event-003)'])
    await warehouse.receive(event('subscribed', (NOW_MS - NOW_MS) / 1000 + 1001, ADA))
    expect(await states()).toEqual(['cio_id:c1 * in (event-005)', 'cio_id:c2 * out (event-003)'])
  })

  it('does not take a complaint about a message to another address for the person', async () => {
    await warehouse.receive(event('spammed', 0, ADA, { recipient: 'boss@example.com' }, 'email'))
    expect(await states()).toEqual([])
    await warehouse.receive(event('spammed', 1, ADA, { recipient: 'Ada <ADA@example.com>' }, 'email'))
    expect(await states()).toEqual(['cio_id:c1 * out (event-002)'])
    const several = 'boss@example.com, "Doe, Bob" <BOB@example.com>'
    await warehouse.receive(event('spammed', 2, BOB, { recipient: several }, 'email'))
    expect(await states()).toEqual(['cio_id:c1 * out (event-002)', 'cio_id:c2 * out (event-003)'])
  })

  it('lets an opt-out win over an opt-in of the same second, in whatever order they come', async () => {
    await warehouse.receive(event('unsubscribed', 0, ADA), event('subscribed', 0, ADA))
    await warehouse.receive(event('subscribed', 0, BOB), event('unsubscribed', 0, BOB))
    expect(await states()).toEqual(['cio_id:c1 * out (event-001)', 'cio_id:c2 * out (event-004)'])
  })

  it('is not changed by duplicates that come late, when their insert id is long forgotten', async () => {
    await warehouse.receive(event('unsubscribed', 0, ADA), event('subscribed', 10, ADA))
    const rows = await warehouse.query('SELECT * FROM customerio.subscription_changes')
    expect(rows).toHaveLength(2)
    for (const json of rows)
      await warehouse.store({ table: 'subscription_changes', json }, { table: 'subscription_changes', json })
    expect(await states()).toEqual(['cio_id:c1 * in (event-002)'])
  })

  it('takes a complaint for an opt-out, until the person subscribes again', async () => {
    await warehouse.receive(event('spammed', 0, ADA, { recipient: 'ada@example.com' }, 'email'))
    expect(await states()).toEqual(['cio_id:c1 * out (event-001)'])
    await warehouse.receive(event('subscribed', 1, ADA))
    expect(await states()).toEqual(['cio_id:c1 * in (event-002)'])
  })

  it('knows of a bounce of the address that the person has, and of no other', async () => {
    const bounce = (at: number, recipient: string | undefined) => event('bounced', at, ADA, { recipient }, 'email')
    const bouncedAt = async () => {
      const [state] = await warehouse.query('SELECT email_bounced_at FROM customerio.current_subscriptions')
      return state?.email_bounced_at
    }
    await warehouse.receive(event('subscribed', 0, ADA), bounce(1, 'boss@example.com'), bounce(2, 'joada@example.com'))
    expect(await bouncedAt()).toBeUndefined()
    for (const [at, recipient] of [
      [3, 'ADA@example.com'],
      [4, '"Doe, Ada" <Ada@example.com>'],
      [5, 'boss@example.com, ada@example.com'],
      [6, undefined],
    ] as const) {
      await warehouse.receive(bounce(at, recipient))
      expect(await bouncedAt()).toBe(iso(at))
    }
  })

  it('takes a hard bounce for nothing but a bounce', async () => {
    await warehouse.receive(event('bounced', 0, ADA, {}, 'email'))
    expect(await states()).toEqual([])
  })

  describe('people who are not always named in the same way', () => {
    it('finds a person again by id, by e-mail address in whatever case, and by cio_id alone', async () => {
      await warehouse.receive(
        event('subscribed', 0, ADA),
        preferences(1, { id: 'ada' }, { topic_1: false }),
        preferences(2, { email: 'ADA@example.com' }, { topic_2: false }),
        preferences(3, { cio_id: 'c1' }, { topic_3: false }),
      )
      expect(await states()).toEqual([
        'cio_id:c1 * in (event-001)',
        'cio_id:c1 topic_1 out (event-002)',
        'cio_id:c1 topic_2 out (event-003)',
        'cio_id:c1 topic_3 out (event-004)',
      ])
    })

    it('knows a person without a cio_id by id, and one without an id by e-mail address', async () => {
      await warehouse.receive(
        event('unsubscribed', 0, { id: 'eve', email: 'eve@example.com' }),
        preferences(1, { email: 'eve@example.com' }, { topic_1: false }),
        event('unsubscribed', 2, { email: 'Nobody@example.com' }),
        { ...event('unsubscribed', 3, {}), data: { identifiers: null, customer_id: 'old' } },
      )
      expect(await states()).toEqual([
        'email:nobody@example.com * out (event-003)',
        'id:eve * out (event-001)',
        'id:eve topic_1 out (event-002)',
        'id:old * out (event-004)',
      ])
    })

    it('follows a change of id and address', async () => {
      await warehouse.receive(
        event('unsubscribed', 0, { id: 'old', email: 'old@example.com', cio_id: 'c1' }),
        event('subscribed', 1, { id: 'new', email: 'new@example.com', cio_id: 'c1' }),
        event('unsubscribed', 2, { email: 'old@example.com' }),
      )
      expect(await states()).toEqual(['cio_id:c1 * out (event-003)'])
    })

    it('in doubt counts an opt-out for everybody and an opt-in for nobody', async () => {
      const SHARED = { email: 'home@example.com' }
      await warehouse.receive(
        event('subscribed', 0, { ...ADA, ...SHARED }),
        event('subscribed', 0, { ...BOB, ...SHARED }),
        event('unsubscribed', 1, SHARED),
      )
      expect(await states()).toEqual(['cio_id:c1 * out (event-003)', 'cio_id:c2 * out (event-003)'])
      await warehouse.receive(event('subscribed', 2, SHARED))
      expect(await states()).toEqual(['cio_id:c1 * out (event-003)', 'cio_id:c2 * out (event-003)'])
    })

    it('knows a person who was deleted and created again by the newer life only', async () => {
      const AGAIN: Who = { ...ADA, cio_id: 'c9' }
      await warehouse.receive(
        event('unsubscribed', 0, ADA),
        preferences(1, ADA, { topic_1: false }),
        event('subscribed', 10, AGAIN),
        preferences(11, { id: 'ada' }, { topic_2: true }),
        preferences(12, { email: 'Ada@example.com' }, { topic_3: true }),
      )
      expect(await states()).toEqual([
        'cio_id:c9 * in (event-003)',
        'cio_id:c9 topic_2 in (event-004)',
        'cio_id:c9 topic_3 in (event-005)',
      ])
      // Of before the newer life was seen: it may already have begun, so an opt-out counts for it as well.
      await warehouse.receive(event('unsubscribed', 5, { id: 'ada' }), preferences(6, { id: 'ada' }, { topic_4: true }))
      expect(await states()).toHaveLength(3)
      await warehouse.receive(preferences(7, { id: 'ada' }, { topic_5: false }))
      expect(await states()).toContain('cio_id:c9 topic_5 out (event-008)')
    })

    it('keeps apart a person whose id was given to somebody else', async () => {
      await warehouse.receive(
        event('unsubscribed', 0, { id: 'team', cio_id: 'c1' }),
        event('unsubscribed', 1, { id: 'ada', cio_id: 'c1' }),
        event('subscribed', 2, { id: 'team', cio_id: 'c2' }),
      )
      expect(await states()).toEqual(['cio_id:c1 * out (event-002)', 'cio_id:c2 * in (event-003)'])
    })

    it('does not move an opt-out from a person to whoever has the address later', async () => {
      await warehouse.receive(
        event('subscribed', 0, ADA),
        event('unsubscribed', 1, { email: 'ada@example.com' }),
        event('subscribed', 2, { ...BOB, email: 'ada@example.com' }),
      )
      expect(await states()).toEqual(['cio_id:c1 * out (event-002)', 'cio_id:c2 * in (event-003)'])
    })
  })

  it('forgets no opt-out when webhook_events expires', async () => {
    await warehouse.receive(event('unsubscribed', 0, ADA), preferences(1, { id: 'ada' }, { topic_1: false }))
    const before = await states()
    await warehouse.query('DELETE FROM customerio.webhook_events WHERE TRUE')
    expect(await warehouse.query('SELECT * FROM customerio.webhook_events')).toEqual([])
    expect(await states()).toEqual(before)
    expect(before).toEqual(['cio_id:c1 * out (event-001)', 'cio_id:c1 topic_1 out (event-002)'])
  })
})

describe('bounces_and_complaints', () => {
  it('lists each once, with the message and the address', async () => {
    const message = { delivery_id: 'd1', campaign_id: 5, action_id: 9, recipient: 'ada@example.com' }
    const bounce = event('bounced', 0, ADA, { ...message, failure_message: '550 no such mailbox' }, 'email')
    const device = { device_id: 't', device_platform: 'ios', failure_message: 'Unregistered' }
    await warehouse.receive(
      bounce,
      event('spammed', 1, ADA, { ...message, newsletter_id: 6, campaign_id: undefined }, 'email'),
      event('bounced', 2, BOB, { transactional_message_id: 3, recipients: [device, device] }, 'push'),
      event('unsubscribed', 3, BOB),
    )
    const [row] = await warehouse.query(
      "SELECT * FROM customerio.subscription_changes WHERE kind = 'hard_bounce' AND person_id = 'ada'",
    )
    await warehouse.store({ table: 'subscription_changes', json: row ?? {} })
    expect(await warehouse.query('SELECT * FROM customerio.bounces_and_complaints ORDER BY timestamp')).toEqual([
      {
        event_id: 'event-001',
        timestamp: iso(0),
        kind: 'hard_bounce',
        channel: 'email',
        person_id: 'ada',
        person_email: 'ada@example.com',
        person_cio_id: 'c1',
        recipient: 'ada@example.com',
        failure_message: '550 no such mailbox',
        delivery_id: 'd1',
        origin: 'campaign',
        origin_id: 5,
        action_id: 9,
      },
      {
        event_id: 'event-002',
        timestamp: iso(1),
        kind: 'complaint',
        channel: 'email',
        person_id: 'ada',
        person_email: 'ada@example.com',
        person_cio_id: 'c1',
        recipient: 'ada@example.com',
        delivery_id: 'd1',
        origin: 'newsletter',
        origin_id: 6,
        action_id: 9,
      },
      {
        event_id: 'event-003',
        timestamp: iso(2),
        kind: 'hard_bounce',
        channel: 'push',
        person_id: 'bob',
        person_email: 'bob@example.com',
        person_cio_id: 'c2',
        failure_message: 'Unregistered',
        origin: 'transactional',
        origin_id: 3,
      },
    ])
  })
})
