import { LIMITS } from '../../shared/contract/index.ts'
import type { JsonSchema } from './unions.ts'

const bytes = (count: number): string => `${count.toLocaleString('en-US')} bytes of UTF-8`
const OPERATION = `As JSON at most ${bytes(LIMITS.operationBytes)}.`

/** What each definition is, and what a schema cannot say about it. */
const DEFINITIONS: Readonly<Record<string, string>> = {
  IdentifyMessage: `A message of the topic identify: an operation on a person or an object. ${OPERATION}`,
  TrackMessage: `A message of the topic track: an event of a person, known or anonymous. ${OPERATION}`,
  TransactionalMessage:
    'A message of the topic transactional: a message to one person, or a broadcast. As JSON without its attachments at ' +
    `most ${bytes(LIMITS.sendBytes)}.`,
  MessageAttributes:
    'The attributes of a Pub/Sub message that mean something here. All values are strings; others pass.',
  AnonymousIdentifiers: 'A visitor who is not known yet.',
  AttributeFilter: 'People whose attribute exists, or is equal (eq) to the value.',
  Attributes:
    'What to store under which name. Names and values that are strings have a limit in bytes of UTF-8, not in characters: ' +
    `${LIMITS.attributeNameBytes} and ${LIMITS.attributeValueBytes.toLocaleString('en-US')}.`,
  BroadcastPerson: `One of the people whom a broadcast goes to. Exactly one of id and email.`,
  Device: 'A device that push messages go to.',
  DeviceToken: 'A device that is to be removed.',
  EmailAddress: 'An e-mail address.',
  Filter: 'A filter on people. Each group and condition must say something.',
  JsonObject: `Any JSON object, nested up to ${LIMITS.depth} levels deep. Send integers beyond 2^53 as strings.`,
  KnownPersonIdentifiers: `A person, by exactly one of the fields.`,
  ObjectIdentifiers: 'An object, such as a company: object_type_id and object_id, or cio_object_id.',
  PersonIdentifiers: `A person, by exactly one of the fields.`,
  PersonOrAnonymousIdentifiers: `A person, or a visitor who is not known yet, by exactly one of the fields.`,
  RelationshipToAnonymous: 'A visitor who is not known yet and is related to the object.',
  RelationshipToObject: 'An object that the person is related to.',
  RelationshipToPerson: 'A person who is related to the object.',
  SegmentFilter: 'People in a segment.',
  UnixSeconds:
    'Unix seconds, or an ISO-8601 date-time with its time zone. Fractions of a second are cut off. Not before 1970, not in ' +
    'milliseconds, and not more than a day ahead, but for send_at.',
  PersonIdentify: 'Creates or updates a person.',
  PersonDelete: 'Deletes a person.',
  PersonSuppress: 'Deletes a person and ignores what comes for their identifiers from then on.',
  PersonUnsuppress: 'Lets identifiers of a suppressed person be used again.',
  PersonMerge: 'Merges the second person into the first; the second is deleted.',
  PersonAddDevice: 'Adds a device to a person, or updates it.',
  PersonDeleteDevice: 'Removes a device from a person.',
  PersonAddRelationships: 'Relates a person to objects.',
  PersonDeleteRelationships: 'Ends relationships of a person to objects.',
  ObjectIdentify: 'Creates or updates an object.',
  ObjectIdentifyAnonymous: 'Creates or updates an object and relates visitors to it who are not known yet.',
  ObjectDelete: 'Deletes an object.',
  ObjectAddRelationships: 'Relates an object to people.',
  ObjectDeleteRelationships: 'Ends relationships of an object to people.',
  Email:
    'Sends an e-mail, from a template or with body, subject and from. to, cc and bcc together name at most ' +
    `${LIMITS.recipients} recipients.`,
  Push: 'Sends a push message from a template.',
  Sms: 'Sends a text message from a template.',
  Whatsapp: 'Sends a WhatsApp message from a template.',
  InApp: 'Sends an in-app message from a template.',
  InboxMessage: 'Sends a message to the inbox in the app, from a template.',
  Broadcast:
    'Triggers a broadcast, to at most one of recipients, ids, emails, per_user_data and data_file_url; without any, to the ' +
    'audience that is set up at Customer.io.',
}

const ADDRESSES = 'E-mail addresses, separated by commas, with or without a name; or Liquid.'
const PHONE = 'The phone number in E.164 format, or Liquid, such as {{customer.phone}}.'

/** What each field is, by name; by definition and name where the same name means different things. */
const FIELDS: Readonly<Record<string, string>> = {
  type: 'Whether the operation is on a person or on an object.',
  action: 'What to do.',
  channel: 'How the message is sent.',
  identifiers: 'Who or what it is about.',
  attributes: 'What to store, by name.',
  timestamp: 'Orders the updates of one person. When the message was published, if absent.',
  cio_relationships: 'What it is related to.',
  relationship_attributes: 'What to store with the relationship, by name.',
  device: 'The device.',
  primary: 'The person who remains.',
  secondary: 'The person who is merged and deleted.',
  id: "The person's id in your system. A number is taken as its digits.",
  email: "The person's e-mail address.",
  cio_id: 'The id that Customer.io gave the person.',
  phone: "The person's phone number in E.164 format.",
  anonymous_id: 'The id of a visitor who is not known yet.',
  object_type_id: 'The number of the type of object.',
  object_id: "The object's id in your system.",
  cio_object_id: 'The id that Customer.io gave the object.',
  token: 'The token of the device.',
  platform: 'The platform of the device.',
  last_used: 'When the device was last used.',
  idempotency_key: 'Your own name for what should happen once, however often it is published.',
  traceparent: 'The W3C trace context to continue.',
  lane: 'bulk: waits with other bulk messages and holds up no urgent one. Order holds within one lane.',
  expires_at: 'From this moment on it is not sent: Unix seconds, or an ISO-8601 date-time with its time zone.',
  'TrackMessage.type': 'Events are of people.',
  'TrackMessage.action': 'An event of your own, a page that was seen or a screen that was seen.',
  'TrackMessage.name': `The name of the event, page or screen. At most ${bytes(LIMITS.eventNameBytes)}, but for a page.`,
  'TrackMessage.attributes': 'Data of the event.',
  'TrackMessage.timestamp': 'When it happened. When the message was published, if absent.',
  'TrackMessage.id':
    "A ULID. Customer.io ignores an event whose id it has seen. Derived from the message's idempotency key if absent.",
  'Device.attributes': 'Data of the device.',
  transactional_message_id: "The template's number or its trigger name.",
  message_data: 'What the template fills in.',
  send_at: `When to send it, at most ${LIMITS.sendAtAheadSeconds / 86_400} days ahead. At once if absent.`,
  disable_message_retention: 'Whether Customer.io forgets the content of the message.',
  queue_draft: 'Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.',
  language: 'The language of the template to use, if not the one of the profile.',
  auto_create: 'Whether Customer.io creates the person if there is none.',
  to: PHONE,
  'Email.to': ADDRESSES,
  'Whatsapp.to': `${PHONE} The one of the profile when absent.`,
  'Push.to': 'all, last_used or the token of a device.',
  'InboxMessage.to': 'Overrides the recipient. As a rule absent: the message goes to the person.',
  from: "Who it is from, in place of the template's sender.",
  subject: "The subject, in place of the template's.",
  body: "The HTML body, in place of the template's.",
  body_plain: "The plain-text body, in place of the template's.",
  body_amp: "The AMP body, in place of the template's.",
  preheader: "The preview text, in place of the template's.",
  cc: `${ADDRESSES} Each of them sees the others.`,
  bcc: `${ADDRESSES} Nobody sees them.`,
  fake_bcc: 'Whether bcc recipients get a copy with the recipients in its subject line, instead of the message itself.',
  reply_to: 'Where answers go.',
  headers: 'Headers of the e-mail: an object of names and values, or the same as JSON text.',
  attachments:
    'Files by name with extension, their content in base64; decoded and together at most ' +
    `${LIMITS.attachmentBytes.toLocaleString('en-US')} bytes.`,
  tracked: 'Whether opens and clicks are tracked.',
  disable_css_preprocessing: 'Whether the CSS stays as it is written.',
  send_to_unsubscribed: 'Whether to send although the person has unsubscribed.',
  title: "The title, in place of the template's.",
  message: "The text, in place of the template's.",
  image_url: "The address of the image, in place of the template's.",
  link: "What a tap opens, in place of the template's.",
  sound: "The sound, in place of the template's.",
  custom_data: 'Data for the app.',
  custom_device: 'A device that is not among those of the person.',
  custom_payload: "The whole payload, in place of the template's.",
  broadcast_id: 'The number of the broadcast.',
  data: 'What the broadcast fills in. Without an audience beside it, no filter and no field named like an audience.',
  'BroadcastPerson.data': 'What the broadcast fills in for this person.',
  recipients: 'A filter on segments and attributes: exactly one of its fields.',
  and: 'People who fit all of these.',
  or: 'People who fit any of these.',
  not: 'People who do not fit this.',
  segment: 'People in this segment.',
  attribute: 'People with this attribute.',
  'SegmentFilter.id': 'The number of the segment.',
  field: 'The name of the attribute.',
  operator: 'How to compare it.',
  value: 'What it must be equal to. Required for eq.',
  ids: 'Ids of people.',
  emails: 'E-mail addresses of people.',
  per_user_data: 'People, each with data of their own.',
  data_file_url: 'Where a file of people with data lies: an http or https address.',
  id_ignore_missing: 'Whether to skip ids that nobody has, rather than to fail.',
  email_ignore_missing: 'Whether to skip addresses that nobody has, rather than to fail.',
  email_add_duplicates:
    'Whether everybody who shares an address gets the message, rather than that the broadcast fails.',
}

/** The definition with descriptions of itself and of its fields. Throws for a field that has none. */
export function describe(name: string, definition: JsonSchema): JsonSchema {
  const properties = Object.entries(definition.properties ?? {}).map(([field, schema]) => {
    const text = FIELDS[`${name}.${field}`] ?? FIELDS[field]
    if (text === undefined) throw new Error(`${name}.${field} has no description: add it to descriptions.ts`)
    return [field, { description: limited(text, schema), ...schema }]
  })
  const text = DEFINITIONS[name]
  if (text === undefined) throw new Error(`${name} has no description: add it to descriptions.ts`)
  return {
    ...definition,
    description: limited(text, definition),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
  }
}

/** JSON Schema counts characters. Where the contract counts bytes, the text says so. */
function limited(text: string, { maxLength, anyOf = [] }: JsonSchema): string {
  const most = maxLength ?? anyOf.find((branch) => typeof branch.maxLength === 'number')?.maxLength
  return typeof most === 'number' ? `${text} At most ${bytes(most)}: fewer characters where they are not ASCII.` : text
}
