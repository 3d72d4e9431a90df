import * as z from 'zod'
import { optional } from './absent.ts'
import { optionalObject } from './attributes.ts'
import { personOrAnonymous } from './identifiers.ts'
import { LIMITS } from './limits.ts'
import { checkOperationSize } from './operation.ts'
import { anyText, LINE_BREAK, line, tooLong } from './text.ts'
import { optionalTime } from './time.ts'
import { ULID_PATTERN } from './ulid.ts'

/** Attributes of an event that replace a campaign's own in the e-mails that it starts. */
const IN_HEADERS = ['recipient', 'from_address', 'reply_to']

/**
 * A message of the topic `track`: a v2 event of a person, known or anonymous.
 * The data of an event are not stored by name: no limit but the size of the operation applies to them.
 */
export const trackMessage = z
  .strictObject({
    type: z
      .literal('person', { error: 'must be person (operations on objects go to the identify topic)' })
      .optional()
      .default('person'),
    action: z
      .enum(['event', 'page', 'screen'], {
        error: 'must be event, page or screen (other operations go to the identify topic)',
      })
      .optional()
      .default('event'),
    identifiers: personOrAnonymous,
    name: anyText,
    attributes: optionalObject,
    timestamp: optionalTime,
    /** Customer.io ignores an event whose id it has seen. Derived from the message's key when absent. */
    id: optional(z.string().regex(ULID_PATTERN, { error: 'must be a ULID (26 characters of Crockford base 32)' })),
  })
  .check((ctx) => {
    // A page's name is often its address, which may be long. Customer.io keeps no page's name.
    const rule = ctx.value.action === 'page' ? undefined : tooLong(ctx.value.name, LIMITS.eventNameBytes)
    if (rule) ctx.issues.push({ code: 'custom', message: rule, input: ctx.value, path: ['name'] })
  })
  .check((ctx) => {
    for (const name of IN_HEADERS) {
      const value = ctx.value.attributes?.[name]
      if (typeof value !== 'string' || line.safeParse(value).success) continue
      ctx.issues.push({ code: 'custom', message: LINE_BREAK, input: value, path: ['attributes', name] })
    }
  })
  .check(checkOperationSize)

export type TrackMessage = z.output<typeof trackMessage>
export type TrackMessageInput = z.input<typeof trackMessage>
