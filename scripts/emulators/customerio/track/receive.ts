import type { ItemError } from '../answers.ts'
import type { Context, ReceivedRequest } from '../context.ts'
import { type Operation, type ParsedOperation, parseOperation } from './operations.ts'

/** Validates operations, applies the good ones, and returns the errors of the others with their places in the list. */
export function receive(
  items: readonly unknown[],
  request: ReceivedRequest,
  context: Context,
): (ItemError & { batch_index: number })[] {
  const receivedAtMs = context.now()
  const parsed = items.map((item, index): ParsedOperation => {
    const refusal = request.refusesItem?.(index, item)
    return refusal ? { ok: false, error: refusal } : parseOperation(item)
  })
  const results = applyAll(parsed, receivedAtMs, context)
  const errors: (ItemError & { batch_index: number })[] = []
  for (const [index, outcome] of parsed.entries()) {
    if (!outcome.ok) errors.push({ batch_index: index, ...outcome.error })
    if (context.store !== 'all') continue
    context.inbox.add({
      kind: outcome.ok ? kindOf(outcome.operation) : 'refused',
      endpoint: request.endpoint,
      receivedAtMs,
      body: items[index],
      result: results[index] ?? 'refused',
      ...(!outcome.ok && { error: outcome.error }),
    })
  }
  context.statistics.operations(items.length - errors.length, errors.length)
  return errors
}

function applyAll(parsed: readonly ParsedOperation[], nowMs: number, context: Context) {
  const results: (
    | 'applied'
    | 'refused'
    | Exclude<ReturnType<Context['workspace']['apply']>, { applied: true }>['reason']
  )[] = []
  const places = [...parsed.keys()]
  if (context.batchOrder === 'reversed') places.reverse()
  for (const place of places) {
    const outcome = parsed[place]
    if (!outcome?.ok) {
      results[place] = 'refused'
      continue
    }
    const applied = context.workspace.apply(outcome.operation, nowMs)
    results[place] = applied.applied ? 'applied' : applied.reason
  }
  return results
}

function kindOf(operation: Operation): string {
  return operation.type === 'person' ? operation.action : `${operation.type}.${operation.action}`
}
