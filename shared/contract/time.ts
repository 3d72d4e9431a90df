import * as z from 'zod'
import { isRecord } from '../json/index.ts'
import { optional } from './absent.ts'
import { LIMITS } from './limits.ts'
import type { Problem } from './problems.ts'

/** Seconds in the year 5138, milliseconds in 1973: nobody means either, so above it are milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000

const DATE = z.regexes.date.source.slice(1, -1)
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:[.,]\\d+)?)?'
/** `Z`, `+02:00`, `+0200` or `+02`; java.time puts the zone's name behind it. */
const ZONE = '(?:[Zz]|[+-](?:[01]\\d|2[0-3])(?::?[0-5]\\d)?)(?:\\[[A-Za-z0-9_+:/-]+\\])?'

/** An ISO-8601 date-time with its time zone, as java.time, Jackson, Python and PostgreSQL write it. */
const DATE_TIME = new RegExp(`^(${DATE})[Tt ](${TIME})(${ZONE})$`)

function secondsOf(dateTime: string): number {
  const [, date, time = '', zone = ''] = DATE_TIME.exec(dateTime) ?? []
  const [, sign, hours, minutes = '00'] = /^([+-])(\d\d):?(\d\d)?/.exec(zone) ?? []
  const offset = sign === undefined ? 'Z' : `${sign}${hours}:${minutes}`
  return Date.parse(`${date}T${time.replace(',', '.')}${offset}`) / 1000
}

/**
 * A moment in unix seconds. An ISO-8601 date-time with its time zone is converted, and fractions of a second are cut off:
 * Customer.io takes whole seconds, and a moment that is rounded up would be in the future. Milliseconds, a classic mistake
 * that lands 50,000 years ahead, are refused.
 */
export const unixSeconds = z
  .union(
    [
      z.number().meta({ minimum: 0, exclusiveMaximum: FIRST_MILLISECONDS }),
      z.string().regex(DATE_TIME, { error: 'must be an ISO-8601 date-time with its time zone' }),
    ],
    { error: 'must be unix seconds or an ISO-8601 date-time' },
  )
  .transform((moment, ctx) => {
    const seconds = Math.floor(typeof moment === 'number' ? moment : secondsOf(moment))
    if (seconds >= FIRST_MILLISECONDS) {
      ctx.issues.push({ code: 'custom', message: 'looks like milliseconds: divide by 1000', input: moment })
    } else if (!(seconds >= 0)) {
      ctx.issues.push({ code: 'custom', message: 'must not be before 1970', input: moment })
    }
    return seconds
  })

export const optionalTime = optional(unixSeconds)

const DAY_SECONDS = 86_400

/**
 * The times of a parsed message that are too far ahead of the clock. Customer.io applies no update that is older than the
 * newest one that it has: a single `timestamp` of next year would freeze the person until then.
 */
export function timeProblems(message: unknown, nowMs: number): Problem[] {
  if (!isRecord(message)) return []
  const { timestamp, device, custom_device, send_at } = message
  const problems: Problem[] = []
  const seconds = Math.floor(nowMs / 1000)
  const happened = (path: string[], time: unknown) => {
    if (!(Number(time) > seconds + LIMITS.aheadSeconds)) return
    problems.push({ path, rule: 'more than a day ahead: is the clock right that it comes from?' })
  }
  happened(['timestamp'], timestamp)
  if (isRecord(device)) happened(['device', 'last_used'], device.last_used)
  if (isRecord(custom_device)) happened(['custom_device', 'last_used'], custom_device.last_used)
  if (Number(send_at) > seconds + LIMITS.sendAtAheadSeconds) {
    problems.push({ path: ['send_at'], rule: `more than ${LIMITS.sendAtAheadSeconds / DAY_SECONDS} days ahead` })
  }
  return problems
}
