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
  messagedata: 'message_data',
  userid: 'identifiers.id',
  customerid: 'identifiers.id',
  id: 'identifiers.id',
  email: 'identifiers.email',
  template: 'transactional_message_id',
  templateid: 'transactional_message_id',
  html: 'body',
  text: 'body_plain',
  replyto: 'reply_to',
  sendat: 'send_at',
  device: 'custom_device',
  campaignid: 'broadcast_id',
}

/** Beside an unknown field, what was probably meant; empty when we have no idea. Reads nothing but the key. */
export function hintFor(isSend: boolean): (key: string) => string {
  const fields = isSend ? IN_SENDS : IN_OPERATIONS
  return (key) => {
    const plain = key.toLowerCase().replaceAll(/[_-]/g, '')
    if (plain === 'idempotencykey') return ' (it is an attribute of the Pub/Sub message)'
    return Object.hasOwn(fields, plain) ? ` (did you mean ${fields[plain]}?)` : ''
  }
}
