import * as z from 'zod'
import { optional } from './absent.ts'
import { LIMITS } from './limits.ts'
import { tooLong } from './text.ts'

/** Any JSON object: whatever keys the publisher likes. Depth and well-formedness are checked before the schema. */
export const jsonObject = z.record(z.string(), z.unknown())

/**
 * Attributes of a person, an object or a relationship: stored by name, hence limits on number, names and values.
 *
 * Only strings are measured. What "value" means for a nested object or a list is not documented: Customer.io
 * refuses one that it finds too long, in its own words and without harm to others, while a bound of ours on a
 * guess would refuse messages that it takes. The size of the operation bounds them anyway.
 */
export const attributes = jsonObject
  .check((ctx) => {
    const entries = Object.entries(ctx.value)
    if (entries.length > LIMITS.attributes) {
      const message = `${entries.length} attributes, at most ${LIMITS.attributes}`
      ctx.issues.push({ code: 'custom', message, input: ctx.value })
      return
    }
    for (const [name, value] of entries) {
      const longName = tooLong(name, LIMITS.attributeNameBytes)
      if (longName) ctx.issues.push({ code: 'custom', message: `name: ${longName}`, input: name, path: [name] })
      const longValue = typeof value === 'string' && tooLong(value, LIMITS.attributeValueBytes)
      if (longValue) ctx.issues.push({ code: 'custom', message: longValue, input: value, path: [name] })
    }
  })
  .meta({ maxProperties: LIMITS.attributes })

export const optionalObject = optional(jsonObject)
export const optionalAttributes = optional(attributes)
