import type { IdentifyMessage, TrackMessage } from '../contract/index.ts'

/** One operation of the Track API v2, as the two topics carry it. */
export type Operation = IdentifyMessage | TrackMessage

/**
 * Names of what an operation changes, so that two operations of one person are never in one batch nor in flight at the
 * same time: Customer.io promises no order within a batch. Events change nobody and have none. Pure.
 *
 * The same person under two identifiers has two names: only Customer.io knows that they are one.
 */
export function personKeys(operation: Operation): string[] {
  if (operation.action === 'event' || operation.action === 'page' || operation.action === 'screen') return []
  if (operation.action === 'merge') return [personKey(operation.primary), personKey(operation.secondary)]
  return [personKey(operation.identifiers)]
}

/** One name for a person (or an object), whatever the order of its identifiers and the case of an e-mail address. */
export function personKey(identifiers: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(identifiers)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, name === 'email' ? String(value).toLowerCase() : String(value)])
  return JSON.stringify(parts.sort())
}
