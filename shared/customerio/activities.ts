import * as z from 'zod'
import type { CallOutcome } from '../outcome/index.ts'

/** One entry of a person's activity log. */
export interface Activity {
  /** `event`, `attribute_change` and many more. */
  readonly type: string
  /** Of an event its data; of a change, by the attribute's name, what it was and what it is. Undefined where there is none. */
  readonly data: unknown
}

const page = z.object({ activities: z.array(z.object({ type: z.string(), data: z.unknown().optional() })).nullish() })

/** Entries that are asked for, the newest. */
export const ACTIVITIES = 50

/** Reads the body of a 2xx answer. @see https://docs.customer.io/integrations/api/app/tag/customers/getPersonActivities/ */
export function parseActivities(body: string): readonly Activity[] | Exclude<CallOutcome, { kind: 'delivered' }> {
  // An empty body is a success to whoever sends; as a list it says nothing.
  const parsed = page.safeParse(body === '' ? undefined : JSON.parse(body))
  if (!parsed.success) return { kind: 'uncertain', error: 'the list of activities has an unknown form' }
  return (parsed.data.activities ?? []).map(({ type, data }) => ({ type, data }))
}
