import { createHash } from 'node:crypto'
import type { JsonObject } from '../json.ts'
import type { Identifier } from '../track/operations.ts'

export const CHANNELS = ['email', 'push', 'sms', 'whatsapp', 'in_app', 'inbox_message'] as const
export type Channel = (typeof CHANNELS)[number]

/** One transactional message that was accepted. There is no idempotency key: the same request twice is two of these. */
export interface Send {
  readonly deliveryId: string
  readonly channel: Channel
  readonly who: Identifier
  readonly recipient: string | null
  readonly subject: string | null
  readonly transactionalMessageId: number
  readonly createdAtMs: number
  /** The request's body as it was received. */
  readonly body: JsonObject
}

/** One trigger of a broadcast that was accepted. */
export interface BroadcastTrigger {
  readonly id: number
  readonly broadcastId: string
  readonly createdAtMs: number
  readonly body: JsonObject
}

/** Reported for messages that bring their own body and name no template. */
const MESSAGES_WITHOUT_TEMPLATE = 1
const FIRST_NAMED_TEMPLATE = 1_001

/** Transactional templates: asked for by number or by trigger name, reported by number alone. */
export class Templates {
  readonly #byName = new Map<string, number>()
  readonly #missing = new Set<string>()

  /** Any number is itself; a name gets a number at its first use and keeps it. */
  resolve(idOrName: unknown): number {
    if (typeof idOrName === 'number') return idOrName
    if (typeof idOrName !== 'string' || idOrName === '') return MESSAGES_WITHOUT_TEMPLATE
    if (/^\d+$/.test(idOrName)) return Number(idOrName)
    const known = this.#byName.get(idOrName)
    if (known !== undefined) return known
    const made = FIRST_NAMED_TEMPLATE + this.#byName.size
    this.#byName.set(idOrName, made)
    return made
  }

  /** From now on there is no such template (or no longer). */
  remove(idOrName: number | string): void {
    this.#missing.add(String(idOrName))
  }

  isMissing(idOrName: unknown): boolean {
    return this.#missing.has(String(idOrName))
  }

  named(): { id: number; name: string }[] {
    return [...this.#byName].map(([name, id]) => ({ id, name }))
  }
}

/** Delivery ids look as documented and follow from their number, so that a run can be repeated. */
export function deliveryId(number: number): string {
  return createHash('sha256').update(`delivery ${number}`).digest().subarray(0, 21).toString('base64url')
}
