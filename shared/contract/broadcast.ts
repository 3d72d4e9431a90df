import * as z from 'zod'
import { optionalObject } from './attributes.ts'
import { emptyPlaceOf, filter } from './filter.ts'
import { emailAddress, personId } from './identifiers.ts'
import { LIMITS } from './limits.ts'
import { flag } from './text.ts'

const people = LIMITS.broadcastPeople
const CONDITIONS = Object.keys(filter.shape).join(', ')

/** One of the people whom a broadcast goes to, with data for them alone. */
export const broadcastPerson = z.union(
  [
    z.strictObject({ id: personId, data: optionalObject }),
    z.strictObject({ email: emailAddress, data: optionalObject }),
  ],
  { error: 'must hold exactly one of id, email' },
)

const audiences = {
  recipients: filter.optional(),
  ids: z.array(personId).min(1).max(people).optional(),
  emails: z.array(emailAddress).min(1).max(people).optional(),
  per_user_data: z.array(broadcastPerson).min(1).max(people).optional(),
  data_file_url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).optional(),
}
type Audience = keyof typeof audiences

const AUDIENCES = Object.keys(audiences) as readonly Audience[]

/**
 * The body of `POST /v1/campaigns/{broadcast_id}/triggers`. Without an audience it goes to the one that is set up there, so
 * what was meant for an audience, and is none, is refused.
 */
export const broadcast = z
  .strictObject({
    channel: z.literal('broadcast'),
    broadcast_id: z.int().positive(),
    data: optionalObject,
    ...audiences,
    id_ignore_missing: flag,
    email_ignore_missing: flag,
    email_add_duplicates: flag,
  })
  .check((ctx) => {
    const { recipients, data } = ctx.value
    const refuse = (message: string, ...path: string[]) =>
      ctx.issues.push({ code: 'custom', message, input: ctx.value, path })
    const named = AUDIENCES.filter((audience) => ctx.value[audience] !== undefined)
    if (named.length > 1) refuse(`at most one of ${AUDIENCES.join(', ')}`)
    if (recipients !== undefined) {
      const place = emptyPlaceOf(recipients)
      if (place === 'message') refuse('must not be empty', 'recipients')
      else if (place !== undefined) refuse(`must not be empty at any depth, as ${place} is`, 'recipients')
      else if (Object.keys(recipients).length > 1) refuse(`must hold exactly one of ${CONDITIONS}`, 'recipients')
    }
    if (named.length > 0) return
    // The SDK's method takes the audience behind the data. One that stands within them goes out as data.
    for (const audience of AUDIENCES.filter((name) => data?.[name] !== undefined)) {
      refuse(
        'would be data, and the broadcast would go to everybody whom it is set up for: put it beside data',
        'data',
        audience,
      )
    }
  })
