import * as z from 'zod'
import { deletionMark } from './messages.ts'

const marked = z.object({ chaos: z.string() })
const operation = z.object({
  action: z.string().optional(),
  identifiers: z.object({ id: z.string().optional() }).optional(),
  attributes: z.unknown().optional(),
  message_data: z.unknown().optional(),
  data: z.unknown().optional(),
  id: z.string().optional(),
})
export type Operation = z.output<typeof operation>

const batch = z.object({ batch: z.array(operation) })

/** What a request to `v2/batch` asks for. */
export function operationsOf(body: Buffer): readonly Operation[] {
  return batch.parse(JSON.parse(body.toString())).batch
}

/** The event's id, if it is an event. */
export const eventIdOf = (body: unknown): string | undefined => operation.parse(body).id

/** Which message an operation, a send or a broadcast comes from; undefined when it is none of chaos. */
export function markOf(body: unknown): string | undefined {
  const { action, identifiers, attributes, message_data, data } = operation.parse(body)
  if (action === 'delete' && identifiers?.id !== undefined) return deletionMark(identifiers.id)
  for (const part of [attributes, message_data, data]) {
    const found = marked.safeParse(part)
    if (found.success) return found.data.chaos
  }
  return undefined
}
