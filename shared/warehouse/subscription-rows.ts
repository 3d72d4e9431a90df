import type { Event, QuarantineReason } from './event.ts'
import { messageColumns, personColumns } from './event-row.ts'
import { insertIdOf, type Row } from './row.ts'
import { flag, isObject, text, withoutUndefined } from './values.ts'

/** What an event changes of a person's subscriptions. */
interface Change {
  readonly kind: 'global' | 'topic' | 'hard_bounce' | 'complaint'
  readonly topicId?: string
  /** Undefined for a hard bounce, which says nothing about consent. */
  readonly subscribed?: boolean
}

export interface SubscriptionRows {
  readonly rows: readonly Row[]
  /** A change that an event certainly made, and that is not among the rows. */
  readonly lost?: { readonly reason: QuarantineReason; readonly error: string }
}

const PREFERENCE_METRICS: ReadonlySet<string | undefined> = new Set([
  'cio_subscription_preferences_changed',
  'subscription_preferences_changed',
])

/** The rows of `subscription_changes` that an event makes; most make none. */
export function subscriptionRows(event: Event, receivedAt: string): SubscriptionRows {
  const { changes, notUnderstood } = changesOf(event)
  if (changes.length === 0 && notUnderstood === undefined) return { rows: [] }
  const person = personOf(event)
  if (Object.values(person).every((identifier) => identifier === undefined)) {
    return {
      rows: [],
      lost: { reason: 'no_person', error: 'a subscription changed, but there is nobody to note it for' },
    }
  }
  const message = { ...messageColumns(event), failure_message: failureOf(event) }
  const rows = changes.map(
    ({ kind, topicId, subscribed }): Row => ({
      table: 'subscription_changes',
      insertId: insertIdOf(event.eventId, topicId ?? kind),
      json: withoutUndefined({
        event_id: event.eventId,
        timestamp: event.timestamp,
        received_at: receivedAt,
        kind,
        topic_id: topicId,
        subscribed,
        ...person,
        object_type: event.objectType,
        metric: event.metric,
        ...message,
      }),
    }),
  )
  if (notUnderstood === undefined) return { rows }
  return { rows, lost: { reason: 'preferences_not_understood', error: notUnderstood } }
}

/** Push messages fail device by device. */
function failureOf({ fields }: Event): string | undefined {
  const devices = Array.isArray(fields.recipients) ? fields.recipients.filter(isObject) : []
  const failures = [fields, ...devices].flatMap(({ failure_message }) => text(failure_message) ?? [])
  return failures.length === 0 ? undefined : [...new Set(failures)].join('; ')
}

/** An e-mail event that names nobody is about whoever has that address. */
function personOf(event: Event): Record<string, unknown> {
  const person = personColumns(event)
  const named = Object.values(person).some((identifier) => identifier !== undefined)
  return named || event.objectType !== 'email' ? person : { person_email: messageColumns(event).recipient }
}

function changesOf({ metric, fields }: Event): {
  readonly changes: readonly Change[]
  readonly notUnderstood?: string
} {
  if (PREFERENCE_METRICS.has(metric)) return preferencesOf(fields.content)
  switch (metric) {
    case 'subscribed':
      return { changes: [{ kind: 'global', subscribed: true }] }
    case 'unsubscribed':
      return { changes: [{ kind: 'global', subscribed: false }] }
    case 'bounced':
      return { changes: [{ kind: 'hard_bounce' }] }
    case 'spammed':
      return { changes: [{ kind: 'complaint', subscribed: false }] }
    default:
      return { changes: [] }
  }
}

/** `{"topics":{"topic_1":true}}`, as JSON in a string. Each topic that can be read is taken, whatever the others are. */
function preferencesOf(content: unknown): { readonly changes: readonly Change[]; readonly notUnderstood?: string } {
  const topics = topicsOf(content)
  if (topics === undefined) return { changes: [], notUnderstood: 'content holds no topics' }
  const changes: Change[] = []
  let unread = 0
  for (const [topicId, value] of Object.entries(topics)) {
    const subscribed = flag(value)
    if (subscribed === undefined || topicId === '') unread++
    else changes.push({ kind: 'topic', topicId: topicId.toWellFormed(), subscribed })
  }
  return unread === 0 ? { changes } : { changes, notUnderstood: `${unread} topics are neither true nor false` }
}

function topicsOf(content: unknown): Readonly<Record<string, unknown>> | undefined {
  let preferences = content
  // Written as JSON in a string; read also when it is not, or once more than documented.
  for (let times = 0; times < 2 && typeof preferences === 'string'; times++) {
    try {
      preferences = JSON.parse(preferences)
    } catch {
      return undefined
    }
  }
  return isObject(preferences) && isObject(preferences.topics) ? preferences.topics : undefined
}
