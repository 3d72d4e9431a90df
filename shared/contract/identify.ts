import * as z from 'zod'
import { optionalAttributes } from './attributes.ts'
import { device, deviceToken } from './device.ts'
import { anonymous, knownPerson, object, person } from './identifiers.ts'
import { checkOperationSize } from './operation.ts'
import { optionalTime } from './time.ts'

const aPerson = z.literal('person').optional().default('person')
const anObject = z.literal('object')

export const toObject = z.strictObject({ identifiers: object, relationship_attributes: optionalAttributes })
export const toPerson = z.strictObject({ identifiers: knownPerson, relationship_attributes: optionalAttributes })
export const toAnonymous = z.strictObject({ identifiers: anonymous, relationship_attributes: optionalAttributes })

const personOperation = z.discriminatedUnion(
  'action',
  [
    z.strictObject({
      type: aPerson,
      action: z.literal('identify').optional().default('identify'),
      identifiers: person,
      attributes: optionalAttributes,
      cio_relationships: z.array(toObject).min(1).optional(),
      /** Orders the updates of one person at Customer.io, whatever order they arrive in. */
      timestamp: optionalTime,
    }),
    z.strictObject({ type: aPerson, action: z.literal('delete'), identifiers: person }),
    z.strictObject({ type: aPerson, action: z.literal('suppress'), identifiers: person }),
    z.strictObject({ type: aPerson, action: z.literal('unsuppress'), identifiers: person }),
    z.strictObject({ type: aPerson, action: z.literal('merge'), primary: knownPerson, secondary: knownPerson }),
    z.strictObject({ type: aPerson, action: z.literal('add_device'), identifiers: person, device }),
    z.strictObject({
      type: aPerson,
      action: z.literal('delete_device'),
      identifiers: person,
      device: deviceToken,
    }),
    z.strictObject({
      type: aPerson,
      action: z.literal('add_relationships'),
      identifiers: person,
      cio_relationships: z.array(toObject).min(1),
    }),
    z.strictObject({
      type: aPerson,
      action: z.literal('delete_relationships'),
      identifiers: person,
      cio_relationships: z.array(toObject).min(1),
    }),
  ],
  {
    error:
      'must be identify, delete, suppress, unsuppress, merge, add_device, delete_device, add_relationships ' +
      'or delete_relationships (event, page and screen go to the track topic)',
  },
)

const objectOperation = z.discriminatedUnion(
  'action',
  [
    z.strictObject({
      type: anObject,
      action: z.literal('identify').optional().default('identify'),
      identifiers: object,
      attributes: optionalAttributes,
      cio_relationships: z.array(toPerson).min(1).optional(),
    }),
    z.strictObject({
      type: anObject,
      action: z.literal('identify_anonymous'),
      identifiers: object,
      attributes: optionalAttributes,
      cio_relationships: z.array(toAnonymous).min(1).optional(),
    }),
    z.strictObject({ type: anObject, action: z.literal('delete'), identifiers: object }),
    z.strictObject({
      type: anObject,
      action: z.literal('add_relationships'),
      identifiers: object,
      cio_relationships: z.array(toPerson).min(1),
    }),
    z.strictObject({
      type: anObject,
      action: z.literal('delete_relationships'),
      identifiers: object,
      cio_relationships: z.array(toPerson).min(1),
    }),
  ],
  { error: 'must be identify, identify_anonymous, delete, add_relationships or delete_relationships' },
)

/**
 * A message of the topic `identify`: a v2 operation on a person or an object that is no event.
 * `type` is `person` and `action` is `identify` unless said otherwise.
 */
export const identifyMessage = z
  .discriminatedUnion('type', [personOperation, objectOperation], { error: 'must be person or object' })
  .check(checkOperationSize)

export type IdentifyMessage = z.output<typeof identifyMessage>
export type IdentifyMessageInput = z.input<typeof identifyMessage>
