import type { SdkRequest } from '../../shared/customerio/index.ts'
import type { Call } from '../../shared/google-api/index.ts'

/**
 * Names each of several requests that look the same. A name does not depend on what else happens, nor on which instance it is
 * that asks: shrinking leaves a request its faults.
 */
export function counting(): (what: string) => string {
  const counts = new Map<string, number>()
  return (what) => {
    const count = (counts.get(what) ?? 0) + 1
    counts.set(what, count)
    return `${what} #${count}`
  }
}

/** What a request to Customer.io is about: the first message in it. */
export function askedOf({ method, uri, body }: SdkRequest): string {
  const key =
    typeof body === 'string' ? body.match(/"key":"([^"]*)"|"action":"delete","identifiers":\{"id":"([^"]*)/) : undefined
  return `${method} ${uri.slice(uri.lastIndexOf('/'))} of ${key?.[1] ?? key?.[2] ?? 'none'}`
}

/** What a call of Google's is about: the first document, or the message that a dead letter was. */
export function calledOf({ path, request }: Pick<Call, 'path' | 'request'>): string {
  const about = request
    .toString('latin1')
    .match(/\/([0-9a-f]{64})|source_message_id[^\w]+(m[\w.-]+)|"event_id":"(\w+)"/)
  return `${path.slice(path.lastIndexOf('/') + 1)} of ${about?.[1]?.slice(0, 12) ?? about?.[2] ?? about?.[3] ?? 'none'}`
}

/** What an insert is about: the first row. */
export function insertedOf(row: object | undefined): string {
  return row !== undefined && 'insertId' in row ? String(row.insertId) : 'none'
}
