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

/** The JSON of a body; undefined when it is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

/** What a request to `v2/batch` asks for; nothing when it is of others, who may ask for anything. */
export function operationsOf(body: Buffer): readonly Operation[] {
  return batch.safeParse(jsonOf(body)).data?.batch ?? []
}

/** The event's id, if it is an event. */
export const eventIdOf = (body: unknown): string | undefined => operation.safeParse(body).data?.id

/** Which message an operation, a send or a broadcast comes from; undefined when it is none of chaos. */
export function markOf(body: unknown): string | undefined {
  const read = operation.safeParse(body)
  if (!read.success) return undefined
  const { action, identifiers, attributes, message_data, data } = read.data
  if (action === 'delete' && identifiers?.id !== undefined) return deletionMark(identifiers.id)
  for (const part of [attributes, message_data, data]) {
    const found = marked.safeParse(part)
    if (found.success) return found.data.chaos
  }
  return undefined
}
