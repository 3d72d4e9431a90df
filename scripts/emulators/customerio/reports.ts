import { ulidOf, type WebhookEvent } from './samples/index.ts'
import type { Person } from './workspace/people.ts'
import type { Send } from './workspace/sends.ts'
import type { Workspace } from './workspace/workspace.ts'

/** Something that was reported of a message. */
export interface Reported {
  readonly metric: string
  readonly atMs: number
}

/** Without what nobody knows: the documents have no `null` here. */
function known(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

/** A person as webhooks name one: every identifier of the workspace, null where it is not set. */
function identifiersOf({ id, email, cio_id }: Person['identifiers']): Record<string, unknown> {
  return { id: id ?? null, email: email ?? null, ...(cio_id !== undefined && { cio_id }) }
}

/**
 * To whom a message went, or would have gone, as far as it is documented: devices for a push, the person for an in-app message,
 * else an address.
 */
function recipientOf(send: Send, metric: string, person: Person | undefined): Record<string, unknown> {
  if (send.channel === 'email') return { recipient: send.recipient ?? '' }
  if (metric === 'drafted' || metric === 'undeliverable') return {}
  if (send.channel === 'in_app') return { recipient: send.who.value }
  if (send.channel !== 'push') return { recipient: send.recipient }
  const devices = [...(person?.devices ?? [])]
  return { recipients: devices.map(([token, { platform }]) => known({ device_id: token, device_platform: platform })) }
}

/** Writes reporting webhooks about what happens in a workspace, and remembers what it said of each message. */
export class Reports {
  readonly #workspace: Workspace
  readonly #report: (event: WebhookEvent) => void
  readonly #reported = new WeakMap<Send, Reported[]>()
  #told = 0

  constructor(workspace: Workspace, report: (event: WebhookEvent) => void) {
    this.#workspace = workspace
    this.#report = report
  }

  /** What was reported of a message so far, in order. */
  of(send: Send): readonly Reported[] {
    return this.#reported.get(send) ?? []
  }

  /** Reports a metric of a message. @param more further fields of the metric, such as `href` */
  message(send: Send, metric: string, atMs: number, more: Readonly<Record<string, unknown>> = {}): void {
    const person = this.#workspace.people.find(send.who)
    const identifiers = identifiersOf({ [send.who.kind]: send.who.value, ...person?.identifiers })
    const data = known({
      customer_id: identifiers.id,
      delivery_id: send.deliveryId,
      identifiers,
      transactional_message_id: send.transactionalMessageId,
      ...recipientOf(send, metric, person),
      ...(send.channel === 'email' && { subject: send.subject }),
      ...more,
    })
    this.#reported.set(send, [...this.of(send), { metric, atMs }])
    this.tell(send.channel, metric, atMs, data)
  }

  /** Reports a change of a person, such as `unsubscribed`. */
  person(metric: string, person: Person, atMs: number, more: Readonly<Record<string, unknown>> = {}): void {
    const { id = '', email = null } = person.identifiers
    const identifiers = identifiersOf(person.identifiers)
    this.tell('customer', metric, atMs, { customer_id: id, email_address: email, identifiers, ...more })
  }

  /** Reports anything, with an id of its own. */
  tell(objectType: string, metric: string, atMs: number, data: Record<string, unknown>): void {
    this.#told++
    const event_id = ulidOf(`local ${this.#told} ${objectType} ${metric} ${atMs}`)
    this.#report({ event_id, object_type: objectType, metric, timestamp: Math.floor(atMs / 1000), data })
  }
}
