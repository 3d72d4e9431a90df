import * as z from 'zod'
import { optional } from './absent.ts'
import { optionalAttributes } from './attributes.ts'
import { device, deviceToken } from './device.ts'
import { anonymous, anyId, knownPerson, object, person } from './identifiers.ts'
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
      cio_relationships: optional(z.array(toObject)),
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
      cio_relationships: optional(z.array(toPerson)),
    }),
    z
      .strictObject({
        type: anObject,
        action: z.literal('identify_anonymous'),
        identifiers: object,
        attributes: optionalAttributes,
        cio_relationships: optional(z.array(toAnonymous)),
        /** As Customer.io's own example has it, where its schema has `cio_relationships`. */
        anonymous_id: optional(anyId),
      })
      .transform(({ anonymous_id, ...operation }) => {
        if (anonymous_id === undefined) return operation
        const related = [...(operation.cio_relationships ?? []), { identifiers: { anonymous_id } }]
        return { ...operation, cio_relationships: related }
      }),
    // Many senders put the attributes into every operation on an object. Only `identify` is documented to store them.
    z.strictObject({
      type: anObject,
      action: z.literal('delete'),
      identifiers: object,
      attributes: optionalAttributes,
    }),
    z.strictObject({
      type: anObject,
      action: z.literal('add_relationships'),
      identifiers: object,
      attributes: optionalAttributes,
      cio_relationships: z.array(toPerson).min(1),
    }),
    z.strictObject({
      type: anObject,
      action: z.literal('delete_relationships'),
      identifiers: object,
      attributes: optionalAttributes,
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
