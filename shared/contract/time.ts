import * as z from 'zod'

/** Seconds in the year 5138, milliseconds in 1973: nobody means either, so above it are milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000

/**
 * A moment in unix seconds. An ISO-8601 date-time with its time zone is converted (fractions are cut off);
 * milliseconds, a classic mistake that lands 50,000 years ahead, are refused.
 */
export const unixSeconds = z
  .union([z.int().meta({ minimum: 0, maximum: FIRST_MILLISECONDS - 1 }), z.iso.datetime({ offset: true })], {
    error: 'must be unix seconds (an integer) or an ISO-8601 date-time',
  })
  .transform((moment, ctx) => {
    const seconds = typeof moment === 'number' ? moment : Math.floor(Date.parse(moment) / 1000)
    if (seconds >= FIRST_MILLISECONDS) {
      ctx.issues.push({ code: 'custom', message: 'looks like milliseconds: divide by 1000', input: moment })
    } else if (!(seconds >= 0)) {
      ctx.issues.push({ code: 'custom', message: 'must not be before 1970', input: moment })
    }
    return seconds
  })

export const optionalTime = unixSeconds.optional()
