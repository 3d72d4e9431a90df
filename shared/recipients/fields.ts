import type { TransactionalMessage } from '../contract/index.ts'
import { isRecord } from '../json/index.ts'

export type Email = Extract<TransactionalMessage, { channel: 'email' }>
type Headers = Email['headers']

/** The header by which a redirected e-mail says whom it was for. */
export const INTENDED_HEADER = 'X-Intended-Recipient'

const RECIPIENT_HEADERS: ReadonlySet<string> = new Set(
  ['to', 'cc', 'bcc'].flatMap((name) => [name, `resent-${name}`, `apparently-${name}`]),
)
const isRecipientHeader = (name: string) => RECIPIENT_HEADERS.has(name.trim().toLowerCase())

/**
 * The headers of an e-mail as pairs, in whichever of Customer.io's forms they are written: an object, or as JSON text an
 * object or a list of `{name, value}`. Undefined for another JSON text, which only Customer.io can read.
 */
function pairsOf(headers: Headers): readonly (readonly [name: string, value: unknown])[] | undefined {
  if (headers === undefined) return []
  const written: unknown = typeof headers === 'string' ? JSON.parse(headers) : headers
  if (isRecord(written)) return Object.entries(written)
  if (!Array.isArray(written)) return undefined
  const pairs = written.map((each) =>
    isRecord(each) && typeof each.name === 'string' ? ([each.name, each.value] as const) : undefined,
  )
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined
}

/** What an e-mail's own headers name as recipients; all that looks like an address where its form is not known. */
export function recipientsInHeaders(headers: Headers): readonly string[] {
  const pairs = pairsOf(headers)
  if (pairs === undefined) return textsIn(JSON.parse(String(headers))).filter((text) => text.includes('@'))
  return pairs.flatMap(([name, value]) => (isRecipientHeader(name) ? textsIn(value) : []))
}

/** The headers without recipients, and with the one that says for whom the e-mail was. In the form in which they were. */
export function headersFor(headers: Headers, intended: string): Exclude<Headers, undefined> {
  const kept = (pairsOf(headers) ?? []).filter(([name]) => !isRecipientHeader(name))
  const pairs = [...kept.filter(([name]) => name !== INTENDED_HEADER), [INTENDED_HEADER, intended] as const]
  if (typeof headers !== 'string') return Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]))
  const isList = Array.isArray(JSON.parse(headers))
  return JSON.stringify(isList ? pairs.map(([name, value]) => ({ name, value })) : Object.fromEntries(pairs))
}

/** Every text within a value, however deep, to be searched for addresses. */
export function textsIn(value: unknown): readonly string[] {
  const found: string[] = []
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next === 'string') found.push(next)
    else if (typeof next === 'object' && next !== null) for (const each of Object.values(next)) open.push(each)
  }
  return found
}
