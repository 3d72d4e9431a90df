import { jsonOf } from '../dead-letters/body.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { relationOf, soughtAs } from '../dead-letters/whose.ts'
import { usageError } from '../errors.ts'

const FIELDS = ['person', 'event', 'action', 'channel', 'template', 'lane'] as const

type Field = (typeof FIELDS)[number]

/** `event=order_completed`, or `attribute.tenant=acme`. */
export interface Condition {
  readonly field: Field | 'attribute'
  /** Of a Pub/Sub attribute; empty for the others. */
  readonly name: string
  readonly value: string
}

/** @throws a usage error that names the field */
export function parseCondition(text: string): Condition {
  const at = text.indexOf('=')
  const left = text.slice(0, Math.max(0, at))
  const value = text.slice(at + 1)
  const known = FIELDS.find((field) => field === left)
  if (at > 0 && value !== '') {
    if (known !== undefined) return { field: known, name: '', value }
    if (/^attribute\../.test(left)) return { field: 'attribute', name: left.slice('attribute.'.length), value }
  }
  throw usageError(
    `--where ${text}: it must be a field and its value`,
    `Fields: ${FIELDS.join(', ')}, attribute.<name>. Example: --where event=order_completed`,
  )
}

/** Whether a message of a topic matches all conditions. Pure. */
export function meets({ source, data, attributes }: DeadLetter, conditions: readonly Condition[]): boolean {
  const body = jsonOf(data)
  return conditions.every(({ field, name, value }) => {
    switch (field) {
      case 'attribute':
        return attributes[name] === value
      case 'lane':
        return (attributes.lane ?? '') === value
      case 'person':
        return relationOf(source.topic, data, soughtAs(value)) === 'own'
      case 'event':
        return body?.name === value
      case 'template':
        return String(body?.transactional_message_id ?? body?.broadcast_id ?? '') === value
      case 'channel':
        return body?.channel === value
      default:
        return (body?.action ?? (source.topic === 'identify' ? 'identify' : 'event')) === value
    }
  })
}
