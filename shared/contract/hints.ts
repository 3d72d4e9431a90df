import * as z from 'zod'
import type { Hint } from './problems.ts'

/** What publishers mean by fields that other APIs have, spelt without case and underscores. */
const IN_OPERATIONS: Readonly<Record<string, string>> = {
  data: 'attributes',
  properties: 'attributes',
  traits: 'attributes',
  userid: 'identifiers.id',
  customerid: 'identifiers.id',
  id: 'identifiers.id',
  email: 'identifiers.email',
  phone: 'identifiers.phone',
  cioid: 'identifiers.cio_id',
  anonymousid: 'identifiers.anonymous_id',
  objectid: 'identifiers.object_id',
  objecttypeid: 'identifiers.object_type_id',
  event: 'name',
  eventname: 'name',
  messageid: 'id',
  time: 'timestamp',
  sentat: 'timestamp',
  occurredat: 'timestamp',
  relationships: 'cio_relationships',
}

const IN_SENDS: Readonly<Record<string, string>> = {
  data: 'message_data',
  attributes: 'message_data',
  userid: 'identifiers.id',
  customerid: 'identifiers.id',
  id: 'identifiers.id',
  email: 'identifiers.email',
  template: 'transactional_message_id',
  templateid: 'transactional_message_id',
  html: 'body',
  text: 'body_plain',
  device: 'custom_device',
  campaignid: 'broadcast_id',
}

const IN_DEVICES: Readonly<Record<string, string>> = {
  id: 'token',
  deviceid: 'token',
  devicetoken: 'token',
  type: 'platform',
  os: 'platform',
}

/** A name in whatever spelling: `perUserData` and `per_user_data` give the same. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

/**
 * Beside an unknown field, what was probably meant: a field that this very message may have, by another spelling or by the
 * name that other APIs have for it. Reads no value but those that tell the kinds of messages apart.
 */
export function hintsFor(schema: z.ZodType, message: object): Hint {
  const isSend = 'channel' in message
  const fields = fieldsOf(schema, message)
  return (path, key) => {
    const name = plainName(key)
    if (path.length === 0 && name === 'idempotencykey') return ' (it is an attribute of the Pub/Sub message)'
    // As Customer.io's SDK is called: there all audiences are given in one place.
    if (path.length === 1 && path[0] === 'recipients' && fields.includes(key))
      return ` (${key} stands in place of recipients)`
    const isDevice = path.length === 1 && String(path[0]).endsWith('device')
    if (path.length > 0 && !isDevice) return ''
    const places = isDevice ? IN_DEVICES : isSend ? IN_SENDS : IN_OPERATIONS
    const known = isDevice ? ['token', 'platform', 'last_used', 'attributes'] : fields
    const named = Object.hasOwn(places, name) ? (places[name] ?? '') : ''
    const meant = known.find((field) => plainName(field) === name) ?? named
    const [field = ''] = meant.split('.')
    return meant !== key && known.includes(field) ? ` (did you mean ${meant}?)` : ''
  }
}

/** The fields of the kind of message that this one says it is. */
function fieldsOf(schema: unknown, message: object): string[] {
  if (schema instanceof z.ZodPipe) return fieldsOf(schema.in, message)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => fieldsOf(option, message))
  if (!(schema instanceof z.ZodObject)) return []
  const kinds = ['type', 'action', 'channel'].filter((name) => name in schema.shape)
  const isMeant = kinds.every((name) => schema.shape[name]?.safeParse(Reflect.get(message, name)).success)
  return isMeant ? Object.keys(schema.shape) : []
}
