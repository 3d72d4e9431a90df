import * as z from 'zod'
import { LIMITS } from './limits.ts'
import { orRequired, text } from './text.ts'

/**
 * One rule for all ids, whatever they are of. Customer.io's are strings; a number, which it takes and its own examples show, is
 * taken as its decimal digits.
 */
function idOf(maxBytes: number) {
  return z.union([text(maxBytes), z.int()], { error: orRequired('must be a string or an integer') }).transform(String)
}
export const personId = idOf(LIMITS.personIdBytes)
export const anyId = idOf(LIMITS.identifierBytes)

/** No more than the shape: something, `@`, something, no white space. What is deliverable, Customer.io decides. */
export const emailAddress = text(LIMITS.identifierBytes).regex(/^[^\s@]+@[^\s@]+$/, {
  error: 'must be an e-mail address',
})

/** E.164: a plus sign and up to 15 digits. */
export const phoneNumber = z.string().regex(/^\+[1-9]\d{1,14}$/, { error: 'must be a phone number in E.164 format' })

const byId = z.strictObject({ id: personId })
const byEmail = z.strictObject({ email: emailAddress })
const byCioId = z.strictObject({ cio_id: anyId })
const byPhone = z.strictObject({ phone: phoneNumber })

const byAnonymousId = z.strictObject({ anonymous_id: anyId })

/** Who an anonymous visitor is until they identify themselves. */
export const anonymous = byAnonymousId.clone()

/** A person in a merge, a relationship or a transactional message: these take no phone number. */
export const knownPerson = z.union([byId, byEmail, byCioId], {
  error: 'must hold exactly one of id, email, cio_id',
})

/** A person in a v2 operation. */
export const person = z.union([byId, byEmail, byCioId, byPhone], {
  error: 'must hold exactly one of id, email, cio_id, phone',
})

/** A person in an event, who may be anonymous. */
export const personOrAnonymous = z.union([byId, byEmail, byCioId, byPhone, byAnonymousId], {
  error: 'must hold exactly one of id, email, cio_id, phone, anonymous_id',
})

/** Numbers of object types start at 1; Customer.io wants them as strings. */
const objectTypeId = z
  .union([z.string().regex(/^[1-9]\d*$/, { error: 'must be the number of an object type' }), z.int().positive()], {
    error: orRequired('must be the number of an object type'),
  })
  .transform(String)

/** An object: a company, a course, anything that is no person. */
export const object = z.union(
  [z.strictObject({ object_type_id: objectTypeId, object_id: anyId }), z.strictObject({ cio_object_id: anyId })],
  { error: 'must hold object_type_id and object_id, or cio_object_id' },
)
