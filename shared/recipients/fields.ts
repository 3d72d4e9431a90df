import type { TransactionalMessage } from '../contract/index.ts'
import { isRecord } from '../json/index.ts'

export type Email = Extract<TransactionalMessage, { channel: 'email' }>
type Headers = Email['headers']

/** The header by which a redirected e-mail says whom it was for. */
export const INTENDED_HEADER = 'X-Intended-Recipient'

/** By these, Mandrill, SendGrid and SparkPost take recipients from an e-mail that a workspace sends through their SMTP. */
const PROVIDER_HEADERS: ReadonlySet<string> = new Set(['x-mc-bccaddress', 'x-smtpapi', 'x-msys-api'])
const RECIPIENT_HEADERS: ReadonlySet<string> = new Set(
  ['to', 'cc', 'bcc'].flatMap((name) => [name, `resent-${name}`, `apparently-${name}`]),
)
const isProviderHeader = (name: string) => PROVIDER_HEADERS.has(plain(name))
const isRecipientHeader = (name: string) => RECIPIENT_HEADERS.has(plain(name)) || isProviderHeader(name)

/** Without what a reader of the header may leave out or fill in: `Bcc:`, a character of no width, the braces of Liquid. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z-]/g, '')
}

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
    // With further fields, such as `Name`, it depends on the reader which of them is the name.
    isRecord(each) && typeof each.name === 'string' && Object.keys(each).length === 2
      ? ([each.name, each.value] as const)
      : undefined,
  )
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined
}

/** What an e-mail's own headers name as recipients; all that looks like an address where its form is not known. */
export function recipientsInHeaders(headers: Headers): readonly string[] {
  const pairs = pairsOf(headers)
  if (pairs === undefined) return textsIn(JSON.parse(String(headers))).filter(hasAddress)
  return pairs.flatMap(([name, value]) => {
    if (!isRecipientHeader(name)) return []
    // Those of providers hold settings as well.
    return isProviderHeader(name) ? textsIn(value).filter(hasAddress) : textsIn(value)
  })
}

/** The headers without recipients, and with the one that says for whom the e-mail was. In the form in which they were. */
export function headersFor(headers: Headers, intended: string): Exclude<Headers, undefined> {
  const kept = (pairsOf(headers) ?? []).filter(([name]) => !isRecipientHeader(name))
  const pairs = [...kept.filter(([name]) => name !== INTENDED_HEADER), [INTENDED_HEADER, intended] as const]
  if (typeof headers !== 'string') return Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]))
  const isList = Array.isArray(JSON.parse(headers))
  return JSON.stringify(isList ? pairs.map(([name, value]) => ({ name, value })) : Object.fromEntries(pairs))
}

const hasAddress = (text: string) => text.includes('@')

/** Every text and number within a value, however deep: a phone number may be written as one. */
export function textsIn(value: unknown): readonly string[] {
  const found: string[] = []
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next === 'string' || typeof next === 'number') found.push(String(next))
    else if (typeof next === 'object' && next !== null) for (const each of Object.values(next)) open.push(each)
  }
  return found
}
