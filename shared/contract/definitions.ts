import { attributes, jsonObject } from './attributes.ts'
import { device } from './device.ts'
import { emailAddress, knownPerson, object, person, personOrAnonymous } from './identifiers.ts'
import { unixSeconds } from './time.ts'

/** Parts that several messages share, under the names that they have in the JSON Schema files. */
export const DEFINITIONS = {
  Attributes: attributes,
  Device: device,
  EmailAddress: emailAddress,
  JsonObject: jsonObject,
  KnownPerson: knownPerson,
  Object: object,
  Person: person,
  PersonOrAnonymous: personOrAnonymous,
  UnixSeconds: unixSeconds,
} as const
