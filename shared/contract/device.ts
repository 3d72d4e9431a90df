import * as z from 'zod'
import { optionalObject } from './attributes.ts'
import { anyText } from './text.ts'
import { optionalTime } from './time.ts'

/** A device that push messages go to. */
export const device = z.strictObject({
  token: anyText,
  platform: z.enum(['ios', 'android']),
  last_used: optionalTime,
  attributes: optionalObject,
})

/** A device that is to be removed. */
export const deviceToken = z.strictObject({ token: anyText })
