import { PERSON_OF, unusualWebhookSamples, type WebhookEvent, webhookSamples } from './index.ts'

function sample(name: string): WebhookEvent {
  const found = webhookSamples().find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no sample ${name}`)
  return found.event
}

describe('the webhook samples', () => {
  it('hold every kind of event of the catalogue, each once', () => {
    const names = webhookSamples().map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const counts = Map.groupBy(names, (name) => name.split('.')[0])
    expect(Object.fromEntries([...counts].map(([type, list]) => [type, list.length]))).toEqual({
      customer: 6,
      email: 52,
      push: 44,
      in_app: 24,
      sms: 40,
      slack: 18,
      webhook: 18,
      whatsapp: 48,
    })
  })

  it('are the same at every call, with ids of their own and times that rise', () => {
    expect(webhookSamples()).toEqual(webhookSamples())
    const events = webhookSamples().map(({ event }) => event)
    expect(new Set(events.map((event) => event.event_id)).size).toBe(events.length)
    expect(events.every((event) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(event.event_id))).toBe(true)
    expect(events.map((event) => event.timestamp)).toEqual(
      events.map((event) => event.timestamp).toSorted((a, b) => a - b),
    )
  })

  it('give all metrics of one delivery the same delivery id and person', () => {
    const deliveries = webhookSamples().filter(({ name }) => name.startsWith('email.') && name.endsWith('.campaign'))
    expect(new Set(deliveries.map(({ event }) => event.data.delivery_id)).size).toBe(1)
    expect(new Set(deliveries.map(({ event }) => event.data.customer_id))).toEqual(new Set([PERSON_OF.campaign.id]))
  })

  it('show a click with every documented field', () => {
    expect(sample('email.clicked.transactional')).toMatchObject({
      object_type: 'email',
      metric: 'clicked',
      data: {
        identifiers: { id: 'نور-4', email: 'noor@example.com', cio_id: 'a1b206000004' },
        transactional_message_id: 54,
        href: expect.stringContaining('https://'),
        link_id: 3,
        machine: false,
      },
    })
  })

  it('carry preferences as JSON inside a string, under the channel of the message they came from', () => {
    const fromMessage = sample('customer.cio_subscription_preferences_changed.newsletter')
    expect(fromMessage.object_type).toBe('email')
    expect(JSON.parse(String(fromMessage.data.content))).toEqual({ topics: { topic_1: true, topic_7: true } })
    expect(sample('customer.cio_subscription_preferences_changed.nomessage').object_type).toBe('customer')
  })

  it('come with unusual ones that a receiver has to keep', () => {
    const unusual = unusualWebhookSamples()
    expect(new Set(unusual.map(({ name }) => name)).size).toBe(unusual.length)
    const byKey = unusual.find(({ name }) => name.startsWith('object_type_type'))
    expect(byKey?.body).toMatchObject({ object_type_type: 'email' })
    expect(byKey?.body).not.toHaveProperty('object_type')
  })
})
