import { type Change, type Consent, type Event, readConsent } from '../consent/index.ts'
import { isObject, text } from '../json/index.ts'
import { PROBE_OBJECT_TYPE } from '../webhooks/index.ts'
import { messageColumns, personColumns } from './event-row.ts'
import { insertIdOf, type Row } from './row.ts'
import { withoutUndefined } from './values.ts'

export interface SubscriptionRows {
  readonly rows: readonly Row[]
  /** A change that an event certainly made, and that is not among the rows. */
  readonly lost?: Consent['lost']
}

/** The rows of `subscription_changes` that an event makes; most make none, and what the pipeline sends itself never does. */
export function subscriptionRows(event: Event, receivedAt: string): SubscriptionRows {
  if (event.objectType === PROBE_OBJECT_TYPE) return { rows: [] }
  const { person, changes, at, lost } = readConsent(event, receivedAt)
  const message = { ...messageColumns(event), failure_message: failureOf(event) }
  const rows = changes.map(
    (change): Row => ({
      table: 'subscription_changes',
      insertId: insertIdOf(event.eventId, subjectOf(change)),
      json: withoutUndefined({
        event_id: event.eventId,
        timestamp: at,
        received_at: receivedAt,
        kind: change.kind,
        topic_id: change.kind === 'topic' ? change.name : undefined,
        channel: change.kind === 'channel' ? change.name : undefined,
        subscribed: change.kind === 'hard_bounce' ? undefined : change.subscribed,
        ...personColumns(person),
        object_type: event.objectType,
        metric: event.metric,
        ...message,
      }),
    }),
  )
  return lost === undefined ? { rows } : { rows, lost }
}

function subjectOf(change: Change): string {
  if (change.kind === 'topic') return change.name
  return change.kind === 'channel' ? `channel/${change.name}` : change.kind
}

/** Push messages fail device by device. */
function failureOf({ fields }: Event): string | undefined {
  const devices = Array.isArray(fields.recipients) ? fields.recipients.filter(isObject) : []
  const failures = [fields, ...devices].flatMap(({ failure_message }) => text(failure_message) ?? [])
  return failures.length === 0 ? undefined : [...new Set(failures)].join('; ')
}
