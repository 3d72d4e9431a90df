import { type Answer, json, sendRefused } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { isObject, type JsonObject, parseBody } from '../json.ts'
import { ATTACHMENTS_BYTES, RECIPIENTS_PER_SEND, SEND_AT_DAYS_AHEAD, SEND_PAYLOAD_BYTES } from '../limits.ts'
import { type Identifier, isEmailAddress } from '../track/operations.ts'
import { CHANNELS, type Channel } from '../workspace/sends.ts'
import { addressesIn, bareAddress, filledIn, isLiquid } from './recipients.ts'

const FORBIDDEN_FILE_TYPES = new Set([
  'bat',
  'bin',
  'chm',
  'cmd',
  'com',
  'cpl',
  'crt',
  'exe',
  'hlp',
  'hta',
  'inf',
  'ins',
  'isp',
  'jse',
  'lnk',
  'mdb',
  'ms',
  'msi',
  'msp',
  'mst',
  'pcd',
  'pif',
  'reg',
  'scr',
  'sct',
  'shb',
  'shs',
  'vb',
  'vbe',
  'vbs',
  'wsc',
  'wsf',
  'wsh',
])
const SEND_IDENTIFIERS = ['id', 'email', 'cio_id'] as const
const E164 = /^\+[1-9]\d{4,14}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const filled = (value: unknown): value is string => typeof value === 'string' && value !== ''
const bad = (error: string) => sendRefused(400, error)

/** What decides on a refusal: a list that Liquid fills in counts as one address, whatever it comes to. */
function addresses(value: unknown): string[] {
  if (!filled(value)) return []
  return isLiquid(value) ? ['filled@in.later'] : addressesIn(value)
}

/** Where the message goes: the addresses or number as they are once filled in, or the workspace's test address. */
function recipientOf(channel: Channel, body: JsonObject, who: Identifier, { workspace }: Context): string | null {
  const person = workspace.people.find(who)
  // In WhatsApp the number of the profile serves.
  if (!filled(body.to)) return channel === 'whatsapp' ? (person?.identifiers.phone ?? null) : null
  const customer = { ...person?.attributes.toObject(), ...person?.identifiers, [who.kind]: who.value }
  const trigger = isObject(body.message_data) ? body.message_data : {}
  const to = isLiquid(body.to) ? filledIn(body.to, customer, trigger) : body.to
  if (channel !== 'email') return to === '' ? null : to
  if (workspace.testAddress !== undefined) return workspace.testAddress
  const recipients = addressesIn(to).map(bareAddress)
  return recipients.length === 0 ? null : recipients.join(', ')
}

/** Of an e-mail. Templates have no content here: one is told by its number. */
function subjectOf(channel: Channel, { subject }: JsonObject, template: number): string | null {
  if (channel !== 'email') return null
  return filled(subject) ? subject : `Template ${template}`
}

function identifierOf(body: JsonObject): Identifier | undefined {
  if (!isObject(body.identifiers)) return undefined
  const given = Object.entries(body.identifiers)
  const kind = SEND_IDENTIFIERS.find((candidate) => candidate === given[0]?.[0])
  const value = given[0]?.[1]
  if (given.length !== 1 || kind === undefined) return undefined
  if (kind === 'email' && !isEmailAddress(String(value))) return undefined
  return filled(value) || typeof value === 'number' ? { kind, value: String(value) } : undefined
}

/** The refusal of an attachment that is no base64, of a forbidden type or too large together with the others. */
function attachmentRefusal(attachments: unknown): Answer | undefined {
  if (attachments === undefined) return undefined
  if (!isObject(attachments)) return bad('attachments must be an object')
  let totalBytes = 0
  for (const [name, content] of Object.entries(attachments)) {
    if (typeof content !== 'string' || !BASE64.test(content)) return bad(`Attachment must be base64 encoded: "${name}"`)
    const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
    if (FORBIDDEN_FILE_TYPES.has(extension)) {
      return sendRefused(403, `Forbidden file type ${extension} for attachment ${name}.`)
    }
    totalBytes += Buffer.byteLength(content, 'base64')
  }
  return totalBytes > ATTACHMENTS_BYTES ? sendRefused(413, 'Total attachment size exceeds the limit') : undefined
}

function emailRefusal(body: JsonObject): Answer | undefined {
  if (!filled(body.to)) return bad("'to' is required")
  const recipients = [body.to, body.cc, body.bcc].flatMap(addresses)
  if (recipients.length > RECIPIENTS_PER_SEND) return bad(`cannot send to more than ${RECIPIENTS_PER_SEND} recipients`)
  const malformed = recipients.find((address) => !address.includes('@'))
  if (malformed !== undefined) return bad('invalid email address')
  if (!hasTemplate(body) && !(filled(body.body) && filled(body.subject) && filled(body.from))) {
    return bad("'transactional_message_id', or 'body', 'subject' and 'from' are required")
  }
  return attachmentRefusal(body.attachments)
}

function hasTemplate(body: JsonObject): boolean {
  return filled(body.transactional_message_id) || typeof body.transactional_message_id === 'number'
}

function channelRefusal(channel: Channel, body: JsonObject): Answer | undefined {
  if (channel === 'email') return emailRefusal(body)
  if (!hasTemplate(body) && !(channel === 'push' && isObject(body.custom_payload))) {
    return bad("'transactional_message_id' is required")
  }
  if (channel === 'sms' && body.to === undefined) return bad("'to' is required")
  const phone = channel === 'sms' || channel === 'whatsapp'
  if (phone && body.to !== undefined && !(filled(body.to) && (isLiquid(body.to) || E164.test(body.to)))) {
    return bad("'to' must be a phone number in E.164 format")
  }
  return undefined
}

/** Why this send is refused; undefined when it is not. */
function refusalOf(channel: Channel, body: JsonObject, requestBytes: number, nowMs: number): Answer | undefined {
  const { attachments } = body
  const attachmentBytes = isObject(attachments) ? JSON.stringify(attachments).length : 0
  if (requestBytes - attachmentBytes > SEND_PAYLOAD_BYTES) return sendRefused(413, 'Payload size exceeds the limit')
  if (identifierOf(body) === undefined) return bad("'identifiers' must contain exactly one of id, email or cio_id")
  if (body.message_data !== undefined && !isObject(body.message_data)) return bad("'message_data' must be an object")
  if (body.send_at !== undefined) {
    const latest = nowMs / 1000 + SEND_AT_DAYS_AHEAD * 86_400
    if (typeof body.send_at !== 'number' || !Number.isInteger(body.send_at))
      return bad("'send_at' must be unix seconds")
    if (body.send_at > latest) return bad(`'send_at' must be within ${SEND_AT_DAYS_AHEAD} days`)
  }
  return channelRefusal(channel, body)
}

/** Not documented: the status is what senders report, the shape that of the endpoint's other refusals. */
const noTemplate = ({ behaviour }: Context) =>
  json(behaviour.unknownTemplateStatus, { meta: { error: 'transactional message not found' } })

function send(channel: Channel): Route['handle'] {
  return (request: ReceivedRequest, context: Context) => {
    const nowMs = context.now()
    const deliveryId = context.workspace.nextDeliveryId()
    const queuedAt = Math.floor(nowMs / 1000)
    if (context.store === 'count') {
      context.statistics.send()
      return json(200, { delivery_id: deliveryId, queued_at: queuedAt })
    }
    const body = parseBody(request.body)
    if (!isObject(body)) return bad('body is not a JSON object')
    const entry = { kind: `send.${channel}`, endpoint: request.endpoint, receivedAtMs: nowMs, body }
    const isMissing = context.workspace.templates.isMissing(body.transactional_message_id)
    const refusal = isMissing ? noTemplate(context) : refusalOf(channel, body, request.body.length, nowMs)
    const who = identifierOf(body)
    if (refusal !== undefined || who === undefined) {
      if (context.store === 'all') context.inbox.add({ ...entry, kind: 'refused', result: 'refused' })
      return refusal ?? bad("'identifiers' is required")
    }
    const template = context.workspace.templates.resolve(body.transactional_message_id)
    if (body.auto_create === true) context.workspace.people.findOrCreate(who)
    context.workspace.accept({
      deliveryId,
      channel,
      who,
      recipient: recipientOf(channel, body, who, context),
      subject: subjectOf(channel, body, template),
      transactionalMessageId: template,
      createdAtMs: nowMs,
      body,
    })
    context.statistics.send()
    if (context.store === 'all') context.inbox.add({ ...entry, result: 'applied' })
    const later = typeof body.send_at === 'number' && body.send_at > nowMs / 1000 ? { send_at: body.send_at } : {}
    return json(200, { delivery_id: deliveryId, queued_at: queuedAt, ...later })
  }
}

export const SEND_ROUTES: readonly Route[] = CHANNELS.map((channel) => ({
  method: 'POST',
  path: `/v1/send/${channel}`,
  name: `send/${channel}`,
  kind: 'send',
  credentials: 'app',
  budget: 'track',
  handle: send(channel),
}))
