import * as z from 'zod'
import { isRecord } from '../json/index.ts'

/** Seconds in the year 5138, milliseconds in 1973: nobody means either, so above it are milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000

/**
 * A moment in unix seconds. An ISO-8601 date-time with its time zone is converted, and fractions of a second are cut off:
 * Customer.io takes whole seconds, and a moment that is rounded up would be in the future. Milliseconds, a classic mistake
 * that lands 50,000 years ahead, are refused.
 */
export const unixSeconds = z
  .union([z.number().meta({ minimum: 0, exclusiveMaximum: FIRST_MILLISECONDS }), z.iso.datetime({ offset: true })], {
    error: 'must be unix seconds or an ISO-8601 date-time',
  })
  .transform((moment, ctx) => {
    const seconds = Math.floor(typeof moment === 'number' ? moment : Date.parse(moment) / 1000)
    if (seconds >= FIRST_MILLISECONDS) {
      ctx.issues.push({ code: 'custom', message: 'looks like milliseconds: divide by 1000', input: moment })
    } else if (!(seconds >= 0)) {
      ctx.issues.push({ code: 'custom', message: 'must not be before 1970', input: moment })
    }
    return seconds
  })

/** Absent, or null, which many serialisers write for a time that is not set. */
export const optionalTime = unixSeconds
  .nullable()
  .transform((seconds) => seconds ?? undefined)
  .optional()

/**
 * Takes the fields away, of a parsed message and of its device, whose time was null: a default may take their place. No
 * other null counts as absent: a broadcast with `recipients: null` would go to everybody.
 */
export function dropAbsentTimes(message: unknown): void {
  if (!isRecord(message)) return
  for (const [part, name] of [
    [message, 'timestamp'],
    [message, 'send_at'],
    [message.device, 'last_used'],
    [message.custom_device, 'last_used'],
  ] as const) {
    if (isRecord(part) && part[name] === undefined) Reflect.deleteProperty(part, name)
  }
}
