import { Reports } from './reports.ts'
import { cataloguedEvents, type WebhookEvent } from './samples/index.ts'
import { TriggerError, type TriggerOrder, trigger, triggerableEvents } from './trigger.ts'
import type { Send } from './workspace/sends.ts'
import { Workspace } from './workspace/workspace.ts'

const AT_MS = 1_795_000_000_000
const ADA = { kind: 'id', value: 'ada' } as const

let workspace: Workspace
let sent: WebhookEvent[]
let order: (what: Partial<TriggerOrder>) => ReturnType<typeof trigger>
beforeEach(() => {
  workspace = new Workspace()
  sent = []
  const reports = new Reports(workspace, (event) => sent.push(event))
  order = (what) => trigger({ workspace, reports, nowMs: AT_MS }, { event: 'email.opened', person: ADA, ...what })
  workspace.people.identify(ADA, { email: 'ada@example.com' }, 1)
})

function send(channel: 'email' | 'sms', recipient: string) {
  const send: Send = {
    ...{ deliveryId: `delivery-${workspace.sends.length}`, channel, recipient, subject: 'Hello', body: {} },
    ...{ who: { kind: 'email', value: recipient }, transactionalMessageId: 3, createdAtMs: 1 },
  }
  workspace.accept(send)
  return send
}

it.each(triggerableEvents())('sends %s about a person, and names nobody else', (event) => {
  order({ event })
  const [objectType = '', metric] = event.split('.')
  expect(sent).toEqual([
    {
      ...{ event_id: expect.stringMatching(/^[0-7][0-9A-Z]{25}$/), object_type: expect.any(String), metric },
      ...{ timestamp: AT_MS / 1_000, data: expect.objectContaining({ customer_id: 'ada' }) },
    },
  ])
  if (objectType !== 'customer') expect(sent[0]?.object_type).toBe(objectType)
  expect(JSON.stringify(sent)).not.toMatch(/u-1001|grace@|marie@|noor@|hedy@|a1b206/)
})

it('takes the name of each event that the catalogue has, with its origin', () => {
  for (const { name } of cataloguedEvents()) expect(order({ event: name }).event).toBe(name)
})

it('is about the newest message of its channel to the person, under whatever name it went out', () => {
  send('email', 'ada@example.com')
  const second = send('email', 'ada@example.com')
  send('sms', 'ada@example.com')
  send('email', 'grace@example.com')
  expect(order({ event: 'email.bounced' })).toEqual({
    event: 'email.bounced.transactional',
    deliveryId: second.deliveryId,
  })
  expect(sent[0]?.data).toMatchObject({
    ...{ delivery_id: second.deliveryId, recipient: 'ada@example.com', subject: 'Hello' },
    ...{ identifiers: { id: 'ada', email: 'ada@example.com' }, failure_message: expect.any(String) },
  })
})

it('is about the message that is named, if it is one to this person', () => {
  const first = send('email', 'ada@example.com')
  send('email', 'ada@example.com')
  const toGrace = send('email', 'grace@example.com')
  expect(order({ deliveryId: first.deliveryId }).deliveryId).toBe(first.deliveryId)
  expect(() => order({ deliveryId: toGrace.deliveryId })).toThrow(/sent this person no email with the delivery id/)
})

it('says which events there are when it knows none of this name', () => {
  expect(() => order({ event: 'email.bouncd' })).toThrow(TriggerError)
  expect(() => order({ event: 'email.bouncd' })).toThrow(/no webhook event email\.bouncd; it has: .*email\.bounced, /)
})
