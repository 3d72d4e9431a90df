import { isRecord } from '../../../shared/json/index.ts'

/**
 * A message of the topic `identify` that creates nobody: an update of a person gets `_update: true`, by which Customer.io does
 * nothing where it knows no such person. What waits in the bulk lane then cannot bring back who was deleted meanwhile
 * (shared/decisions/delete-and-bulk.md). Everything else stays as it is. Pure.
 */
export function updateOnly<M extends object>(message: M): M {
  if (!updatesPerson(message)) return message
  const attributes = 'attributes' in message && isRecord(message.attributes) ? message.attributes : {}
  return { ...message, attributes: { ...attributes, _update: true } }
}

/** Whether it is an `identify` of a person that may create them. `type` and `action` have defaults. Pure. */
export function mayCreate(message: object): boolean {
  const attributes = 'attributes' in message && isRecord(message.attributes) ? message.attributes : {}
  return updatesPerson(message) && attributes._update !== true
}

function updatesPerson(message: object): boolean {
  const { type = 'person', action = 'identify' } = message as { readonly type?: unknown; readonly action?: unknown }
  return type === 'person' && action === 'identify'
}
