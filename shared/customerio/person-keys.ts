import type { IdentifyMessage, TrackMessage } from '../contract/index.ts'
import { subjectKey } from '../identity/index.ts'

/** One operation of the Track API v2, as the two topics carry it. */
export type Operation = IdentifyMessage | TrackMessage

const NO_KEYS: readonly string[] = []

/**
 * Names of what an operation changes, so that two operations of one person are never in one batch nor in flight at the
 * same time: Customer.io promises no order within a batch. Events change nobody and have none. Pure.
 */
export function personKeys(operation: Operation): readonly string[] {
  if (operation.action === 'event' || operation.action === 'page' || operation.action === 'screen') return NO_KEYS
  if (operation.action === 'merge') return [subjectKey(operation.primary), subjectKey(operation.secondary)]
  return [subjectKey(operation.identifiers)]
}
