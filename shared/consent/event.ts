import { complexityOf, isObject, longInteger, parseJson, text } from '../json/index.ts'

/** The quarantine's reasons that are found here; the webhook function finds others (its attribute `quarantine`). */
export type QuarantineReason =
  | 'not_json'
  | 'not_an_object'
  | 'no_event_id'
  | 'too_complex' // more values than are worth the memory to parse them
  | 'too_deep' // nested deeper than can be written again
  | 'no_timestamp' // no moment can be read from `timestamp`
  | 'timestamp_out_of_range' // BigQuery cannot store it, or does not take it by streaming
  | 'preferences_not_understood' // the event is stored, but not all that it changed is known
  | 'no_person' // the event is stored, but whose subscription it changed is not known
  | 'row_refused' // by BigQuery

/** A reporting webhook with everything optional that can be missed, and everything kept that is not known. */
export interface Event {
  readonly eventId: string
  readonly objectType: string | undefined
  readonly metric: string | undefined
  /** ISO 8601, in UTC. Undefined when no moment can be read, or one that cannot be. */
  readonly timestamp: string | undefined
  readonly data: unknown
  /** The fields of `data`; none when it is no object. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields beside those above. */
  readonly others: Readonly<Record<string, unknown>>
  /** What was written in another way than documented and could be read all the same. */
  readonly healed: readonly Healed[]
}

export type Healed = 'event_id is a number' | `timestamp in ${'milliseconds' | 'microseconds' | 'nanoseconds'}`

/** An event with its time. */
export type DatedEvent = Event & { readonly timestamp: string }

export type ParsedEvent =
  | { readonly ok: true; readonly event: DatedEvent }
  | {
      readonly ok: false
      readonly reason: QuarantineReason
      readonly error: string
      /** As far as it was readable. */
      readonly eventId?: string
      /** All but the time was readable. */
      readonly undated?: Event
    }

/** Customer.io's own have fewer than a hundred: the large part of a webhook is text. */
const MOST_VALUES = 50_000

/** Whether a webhook has more values than are worth the memory that parsing takes: up to 70 times its length. */
export function isTooComplex(body: Uint8Array): boolean {
  return complexityOf(body).values > MOST_VALUES
}

/**
 * Reads the body of a webhook. Only the event's id and time are needed: without an id it cannot be told from its
 * duplicates, and without a time it has no place in the table.
 */
export function parseEvent(body: Buffer, nowMs: number): ParsedEvent {
  if (isTooComplex(body)) return { ok: false, reason: 'too_complex', error: `more than ${MOST_VALUES} values` }
  let json: unknown
  try {
    json = parseJson(body.toString('utf8'))
  } catch {
    return { ok: false, reason: 'not_json', error: 'the body is not JSON' }
  }
  if (!isObject(json)) return { ok: false, reason: 'not_an_object', error: 'the body is JSON, but no object' }
  const { event_id, object_type, object_type_type, metric, timestamp, data, ...others } = json
  const eventId = eventIdOf(event_id)
  if (eventId === undefined) return { ok: false, reason: 'no_event_id', error: 'event_id is no text, or empty' }
  const moment = readMoment(timestamp, nowMs)
  const healed: Healed[] = typeof event_id === 'string' ? [] : ['event_id is a number']
  if (moment.ok && moment.unit !== 'seconds') healed.push(`timestamp in ${moment.unit}`)
  const event: Omit<Event, 'timestamp'> = {
    eventId,
    objectType: text(object_type) ?? text(object_type_type),
    metric: text(metric),
    data,
    fields: isObject(data) ? data : {},
    others,
    healed,
  }
  if (moment.ok) return { ok: true, event: { ...event, timestamp: moment.iso } }
  return { ...moment, eventId, undated: { ...event, timestamp: undefined } }
}

/** Text, or a whole number in its digits: nothing else names the same event in the same way each time. */
export function eventIdOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value.toWellFormed()
  return Number.isSafeInteger(value) ? String(value) : longInteger(value)
}

const DAY_MS = 86_400_000
/**
 * How far from today BigQuery takes rows into a table that is partitioned by a column, less a day on both sides, because
 * it counts whole days. https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#time-unit_column_partitioning
 */
const OLDEST_MS = 1824 * DAY_MS
const NEWEST_MS = 365 * DAY_MS

type Unit = 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds'
/** How much of each unit a second has. A moment within the range below is one in a single unit only. */
const UNITS: readonly (readonly [Unit, number])[] = [
  ['seconds', 1],
  ['milliseconds', 1e3],
  ['microseconds', 1e6],
  ['nanoseconds', 1e9],
]

type Moment =
  | { readonly ok: true; readonly iso: string; readonly unit: Unit }
  | { readonly ok: false; readonly reason: 'no_timestamp' | 'timestamp_out_of_range'; readonly error: string }

/** Customer.io's timestamps are unix seconds; digits in a string, ISO 8601 with its zone and smaller units are understood as well. */
function readMoment(timestamp: unknown, nowMs: number): Moment {
  const [ms, units] = asSeconds(timestamp)
  if (ms === undefined) return { ok: false, reason: 'no_timestamp', error: 'timestamp is no moment in unix seconds' }
  for (const [unit, perSecond] of units) {
    const then = perSecond === 1 ? ms : Math.round(ms / perSecond)
    if (then >= nowMs - OLDEST_MS && then <= nowMs + NEWEST_MS)
      return { ok: true, iso: new Date(then).toISOString(), unit }
  }
  const error = 'BigQuery takes rows of the last five years and of the year to come'
  return { ok: false, reason: 'timestamp_out_of_range', error }
}

/** The moment in milliseconds if it was in seconds, and which units it may have been in. */
function asSeconds(timestamp: unknown): readonly [number | undefined, typeof UNITS] {
  // Without its zone it would be another moment on each machine.
  if (typeof timestamp === 'string' && /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(timestamp)) {
    const ms = Date.parse(timestamp)
    return [Number.isNaN(ms) ? undefined : ms, UNITS.slice(0, 1)]
  }
  const digits = longInteger(timestamp) ?? timestamp
  const seconds = typeof digits === 'string' && /^-?\d+(\.\d+)?$/.test(digits) ? Number(digits) : digits
  return [typeof seconds === 'number' ? seconds * 1000 : undefined, UNITS]
}
