import { isRecord } from '../../../shared/json/index.ts'

/** What the body of a message says that a person looks for. Bodies may be anything: nothing here throws. */

type Json = Readonly<Record<string, unknown>>

export function jsonOf(data: Buffer): Json | undefined {
  try {
    const document: unknown = JSON.parse(data.toString('utf8'))
    return isRecord(document) ? document : undefined
  } catch {
    return undefined
  }
}

/** As text for a person; undefined when it is nested too deeply to be written, though not to be read. */
export function indented(document: unknown): string | undefined {
  try {
    return JSON.stringify(document, null, 2)
  } catch {
    return undefined
  }
}

/** `identify`, `suppress`, `event order_completed`, `email`, `email.bounced`: what a message would have done. */
export function whatIs(data: Buffer): string {
  const body = jsonOf(data)
  if (body === undefined) return 'not JSON'
  const { channel, name, action, object_type: type, metric } = body
  if (typeof channel === 'string') return channel
  if (typeof type === 'string' && typeof metric === 'string') return `${type}.${metric}`
  if (typeof name === 'string') return `${typeof action === 'string' ? action : 'event'} ${name}`
  return typeof action === 'string' ? action : 'identify'
}
