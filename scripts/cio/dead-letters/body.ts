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

/** Fields whose values name a person, wherever they stand. */
const NAMING = new Set([
  'id',
  'email',
  'cio_id',
  'phone',
  'anonymous_id',
  'customer_id',
  'email_address',
  'to',
  'recipient',
])
const DEEPEST = 12

/** `"id": "ada"`, `"id": 5` in a text that is no JSON, also as JSON within a string. */
const NAMED_IN_TEXT = new RegExp(String.raw`"(?:${[...NAMING].join('|')})\\*"\s*:\s*(?:\\*"([^"\\]*)|(-?\d+))`, 'g')

/** Every name of a person that a body holds: as it is, and addresses in lower case as well. */
export function peopleIn(data: Buffer): ReadonlySet<string> {
  const found = new Set<string>()
  const body = jsonOf(data)
  if (body !== undefined) collectNames(body, found, 0)
  else {
    for (const [, text, number] of data.toString('utf8').matchAll(NAMED_IN_TEXT)) {
      for (const who of namesOf(text ?? number)) found.add(who)
    }
  }
  return found
}

function collectNames(value: unknown, found: Set<string>, depth: number): void {
  if (depth > DEEPEST || typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if (NAMING.has(name)) for (const who of namesOf(inner)) found.add(who)
    collectNames(inner, found, depth + 1)
  }
}

/** `Ada <ada@example.com>, bob@example.com` is two, besides itself: an id may look like anything. */
function namesOf(value: unknown): readonly string[] {
  if (typeof value === 'number') return [String(value)]
  if (typeof value !== 'string') return []
  if (!value.includes('@')) return [value]
  const addresses = value.split(',').map((entry) => (/<([^>]*)>/.exec(entry)?.[1] ?? entry).trim().toLowerCase())
  return [value, ...addresses]
}

/** Whether a message is about this person: an id as it is, an address whatever its case, also in a broken body. */
export function isAbout(data: Buffer, person: string): boolean {
  if (!person.includes('@')) return peopleIn(data).has(person)
  const address = person.toLowerCase()
  return peopleIn(data).has(address) || data.toString('utf8').toLowerCase().includes(address)
}
