import { parseJson } from './json.ts'
import { isObject, text } from './values.ts'

/** The quarantine's reasons that are found here; the webhook function finds others (its attribute `quarantine`). */
export type QuarantineReason =
  | 'not_json'
  | 'not_an_object'
  | 'no_event_id'
  | 'too_deep' // nested deeper than can be written again
  | 'no_timestamp' // no moment can be read from `timestamp`
  | 'timestamp_out_of_range' // BigQuery cannot store it, or does not take it by streaming
  | 'preferences_not_understood' // the event is stored, but which topics it changed is not known
  | 'no_person' // the event is stored, but whose subscription it changed is not known
  | 'row_refused' // by BigQuery

/** A reporting webhook with everything optional that can be missed, and everything kept that is not known. */
export interface Event {
  readonly eventId: string
  readonly objectType: string | undefined
  readonly metric: string | undefined
  /** ISO 8601, in UTC. */
  readonly timestamp: string
  readonly data: unknown
  /** The fields of `data`; none when it is no object. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields beside those above. */
  readonly others: Readonly<Record<string, unknown>>
}

export type ParsedEvent =
  | { readonly ok: true; readonly event: Event }
  | {
      readonly ok: false
      readonly reason: QuarantineReason
      readonly error: string
      /** As far as it was readable. */
      readonly eventId?: string
    }

/**
 * Reads the body of a webhook. Only the event's id and time are needed: without an id it cannot be told from its
 * duplicates, and without a time it has no place in the table.
 */
export function parseEvent(body: Buffer, nowMs: number): ParsedEvent {
  let json: unknown
  try {
    json = parseJson(body.toString('utf8'))
  } catch {
    return { ok: false, reason: 'not_json', error: 'the body is not JSON' }
  }
  if (!isObject(json)) return { ok: false, reason: 'not_an_object', error: 'the body is JSON, but no object' }
  const { event_id, object_type, object_type_type, metric, timestamp, data, ...others } = json
  if (typeof event_id !== 'string' || event_id === '') {
    return { ok: false, reason: 'no_event_id', error: 'event_id is no text, or empty' }
  }
  const eventId = event_id.toWellFormed()
  const moment = readMoment(timestamp, nowMs)
  if (!moment.ok) return { ...moment, eventId }
  return {
    ok: true,
    event: {
      eventId,
      objectType: text(object_type) ?? text(object_type_type),
      metric: text(metric),
      timestamp: moment.iso,
      data,
      fields: isObject(data) ? data : {},
      others,
    },
  }
}

const DAY_MS = 86_400_000
/**
 * How far from today BigQuery takes rows into a table that is partitioned by a column, less a day on both sides, because
 * it counts whole days. https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#time-unit_column_partitioning
 */
const OLDEST_MS = 1824 * DAY_MS
const NEWEST_MS = 365 * DAY_MS

type Moment =
  | { readonly ok: true; readonly iso: string }
  | { readonly ok: false; readonly reason: 'no_timestamp' | 'timestamp_out_of_range'; readonly error: string }

/** Customer.io's timestamps are unix seconds; digits in a string and ISO 8601 are understood as well. */
function readMoment(timestamp: unknown, nowMs: number): Moment {
  const ms = millisecondsOf(timestamp)
  if (ms === undefined) return { ok: false, reason: 'no_timestamp', error: 'timestamp is no moment in unix seconds' }
  if (ms < nowMs - OLDEST_MS || ms > nowMs + NEWEST_MS) {
    const error = 'BigQuery takes rows of the last five years and of the year to come (is it in milliseconds?)'
    return { ok: false, reason: 'timestamp_out_of_range', error }
  }
  return { ok: true, iso: new Date(ms).toISOString() }
}

function millisecondsOf(timestamp: unknown): number | undefined {
  if (typeof timestamp === 'string' && /^\d{4}-\d\d-\d\dT/.test(timestamp)) {
    const ms = Date.parse(timestamp)
    return Number.isNaN(ms) ? undefined : ms
  }
  const seconds = typeof timestamp === 'string' && /^-?\d+(\.\d+)?$/.test(timestamp) ? Number(timestamp) : timestamp
  return typeof seconds === 'number' ? seconds * 1000 : undefined
}
