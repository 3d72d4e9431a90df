import * as z from 'zod'
import { optionalObject } from './attributes.ts'
import { emailAddress } from './identifiers.ts'
import { LIMITS } from './limits.ts'
import { flag, text } from './text.ts'

const people = LIMITS.broadcastPeople
const id = text(LIMITS.personIdBytes)

/** One of the people whom a broadcast goes to, with data for them alone. */
export const broadcastPerson = z.union(
  [z.strictObject({ id, data: optionalObject }), z.strictObject({ email: emailAddress, data: optionalObject })],
  { error: 'must hold exactly one of id, email' },
)

const audiences = {
  recipients: optionalObject,
  ids: z.array(id).min(1).max(people).optional(),
  emails: z.array(emailAddress).min(1).max(people).optional(),
  per_user_data: z.array(broadcastPerson).min(1).max(people).optional(),
  data_file_url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).optional(),
}
type Audience = keyof typeof audiences

/** Which audience each flag belongs to: beside another one, `true` would be dropped without a word. `false` is the default. */
const FLAGS = {
  id_ignore_missing: ['ids', 'per_user_data', 'data_file_url'],
  email_ignore_missing: ['emails', 'per_user_data', 'data_file_url'],
  email_add_duplicates: ['emails', 'per_user_data', 'data_file_url'],
} as const satisfies Record<string, readonly Audience[]>

const AUDIENCES = Object.keys(audiences) as readonly Audience[]

/** The body of `POST /v1/campaigns/{broadcast_id}/triggers`. Without an audience it goes to the one that is set up there. */
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
    const named = AUDIENCES.filter((audience) => ctx.value[audience] !== undefined)
    if (named.length > 1) {
      const message = `at most one of ${AUDIENCES.join(', ')}`
      ctx.issues.push({ code: 'custom', message, input: ctx.value })
    }
    // An empty filter would go out as "no filter", that is to everybody whom the broadcast is set up for.
    if (ctx.value.recipients && Object.keys(ctx.value.recipients).length === 0) {
      ctx.issues.push({ code: 'custom', message: 'must not be empty', input: ctx.value, path: ['recipients'] })
    }
    for (const [flag, allowed] of Object.entries(FLAGS) as [keyof typeof FLAGS, readonly Audience[]][]) {
      if (ctx.value[flag] !== true || named.some((audience) => allowed.includes(audience))) continue
      const message = `has no effect without one of ${allowed.join(', ')}`
      ctx.issues.push({ code: 'custom', message, input: ctx.value, path: [flag] })
    }
  })
