import { isRecord } from '../json/index.ts'
import { decodedBytes } from './attachments.ts'
import { LIMITS } from './limits.ts'
import { countRecipients } from './recipients.ts'
import { byteLength } from './text.ts'
import type { TopicName } from './topics.ts'

/** How much of a limit a message takes. Beyond the limit the contract refuses it. */
export interface Measure {
  readonly of: 'message' | 'attributes' | 'attribute name' | 'attribute value' | 'attachments' | 'recipients'
  readonly size: number
  readonly limit: number
  readonly unit: 'bytes' | 'count'
}

/**
 * How much of its limits a document takes, as the contract measures it, whether or not it keeps the contract. Only limits
 * that it comes near to by growing: those of its topic, and of what is in it.
 */
export function measuresOf(topic: TopicName, document: Readonly<Record<string, unknown>>): readonly Measure[] {
  return topic === 'transactional' ? ofSend(document) : ofOperation(topic, document)
}

function ofOperation(topic: 'identify' | 'track', document: Readonly<Record<string, unknown>>): Measure[] {
  const filledIn = { type: 'person', action: topic === 'track' ? 'event' : 'identify', ...document }
  const size = byteLength(JSON.stringify(filledIn))
  const operation: Measure = { of: 'message', size, limit: LIMITS.operationBytes, unit: 'bytes' }
  // Data of an event are stored as they are; those of a person or an object by name.
  return [
    operation,
    ...(topic === 'identify' && isRecord(document.attributes) ? ofAttributes(document.attributes) : []),
  ]
}

function ofAttributes(attributes: Readonly<Record<string, unknown>>): Measure[] {
  const names = Object.keys(attributes)
  const texts = Object.values(attributes).filter((value) => typeof value === 'string')
  return [
    { of: 'attributes', size: names.length, limit: LIMITS.attributes, unit: 'count' },
    { of: 'attribute name', size: longest(names), limit: LIMITS.attributeNameBytes, unit: 'bytes' },
    { of: 'attribute value', size: longest(texts), limit: LIMITS.attributeValueBytes, unit: 'bytes' },
  ]
}

const longest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, byteLength(text)), 0)

function ofSend(document: Readonly<Record<string, unknown>>): Measure[] {
  if (document.channel === 'broadcast') return []
  const { attachments, channel, ...body } = document
  const message: Measure = {
    of: 'message',
    size: byteLength(JSON.stringify(body)),
    limit: LIMITS.sendBytes,
    unit: 'bytes',
  }
  if (channel !== 'email') return [message]
  const files = isRecord(attachments) ? Object.values(attachments) : []
  const size = files.reduce<number>((sum, file) => sum + (typeof file === 'string' ? (decodedBytes(file) ?? 0) : 0), 0)
  const recipients = [body.to, body.cc, body.bcc].reduce<number>(
    (sum, list) => sum + (typeof list === 'string' && list !== '' ? (countRecipients(list) ?? 0) : 0),
    0,
  )
  return [
    message,
    { of: 'attachments', size, limit: LIMITS.attachmentBytes, unit: 'bytes' },
    { of: 'recipients', size: recipients, limit: LIMITS.recipients, unit: 'count' },
  ]
}
