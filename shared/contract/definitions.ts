import { attributes, jsonObject } from './attributes.ts'
import { broadcastPerson } from './broadcast.ts'
import { device, deviceToken } from './device.ts'
import { attributeFilter, filter, segmentFilter } from './filter.ts'
import { anonymous, emailAddress, knownPerson, object, person, personOrAnonymous } from './identifiers.ts'
import { toAnonymous, toObject, toPerson } from './identify.ts'
import { unixSeconds } from './time.ts'

/** Parts of messages, under the names that they have in the JSON Schema files and in the types made from those. */
export const DEFINITIONS = {
  AnonymousIdentifiers: anonymous,
  AttributeFilter: attributeFilter,
  Attributes: attributes,
  BroadcastPerson: broadcastPerson,
  Device: device,
  DeviceToken: deviceToken,
  EmailAddress: emailAddress,
  Filter: filter,
  JsonObject: jsonObject,
  KnownPersonIdentifiers: knownPerson,
  ObjectIdentifiers: object,
  PersonIdentifiers: person,
  PersonOrAnonymousIdentifiers: personOrAnonymous,
  RelationshipToAnonymous: toAnonymous,
  RelationshipToObject: toObject,
  RelationshipToPerson: toPerson,
  SegmentFilter: segmentFilter,
  UnixSeconds: unixSeconds,
} as const
