import * as z from 'zod'
import { optionalObject } from './attributes.ts'
import { anyText, orRequired } from './text.ts'
import { optionalTime } from './time.ts'

/** As its makers and the SDKs of this world write it, too. Customer.io documents the lower-case form. */
const platform = z
  .enum(['ios', 'iOS', 'IOS', 'Ios', 'android', 'Android', 'ANDROID'], { error: orRequired('must be ios or android') })
  .transform((name) => (name.toLowerCase() === 'ios' ? 'ios' : 'android'))

/** A device that push messages go to. */
export const device = z.strictObject({
  token: anyText,
  platform,
  last_used: optionalTime,
  attributes: optionalObject,
})

/** A device that is to be removed. */
export const deviceToken = z.strictObject({ token: anyText })
