import * as z from 'zod'
import type { Choice } from '../choice.ts'
import { type Choices, type PreferenceName, preferenceName } from '../preferences.ts'
import type { PostgresClient, PostgresQueries } from './pool.ts'

const choiceRow = z.object({
  name: z.string(),
  value: z.boolean(),
  changed_at: z.coerce.number(), // bigint comes as text
  timestamp: z.coerce.number(),
  origin: z.enum(['application', 'customerio']),
  pending: z.boolean(),
  in_flight: z.array(z.object({ value: z.boolean(), at: z.number() })),
})

/** Reads a user's choices. */
export async function selectChoices(client: PostgresQueries, userId: string): Promise<Choices> {
  const { rows } = await client.query(
    `SELECT name, value, changed_at, timestamp, origin, pending, in_flight FROM customerio.preferences WHERE user_id = $1`,
    [userId],
  )
  const choices = new Map<PreferenceName, Choice>()
  for (const row of z.array(choiceRow).parse(rows)) {
    const name = preferenceName(row.name)
    if (name === undefined) continue
    const { value, changed_at: changedAt, timestamp, origin, pending, in_flight: inFlight } = row
    choices.set(name, { value, changedAt, timestamp, origin, pending, inFlight })
  }
  return choices
}

/** Writes choices, all in one statement. */
export async function upsertChoices(client: PostgresClient, userId: string, write: Choices): Promise<void> {
  if (write.size === 0) return
  const rows = [...write].map(([name, choice]) => ({
    name,
    value: choice.value,
    changed_at: choice.changedAt,
    timestamp: choice.timestamp,
    origin: choice.origin,
    pending: choice.pending,
    in_flight: choice.inFlight,
  }))
  await client.query(
    `INSERT INTO customerio.preferences (user_id, name, value, changed_at, timestamp, origin, pending, in_flight)
     SELECT $1, name, value, changed_at, timestamp, origin, pending, in_flight
     FROM jsonb_to_recordset($2::jsonb)
       AS c(name text, value boolean, changed_at bigint, timestamp bigint, origin text,
            pending boolean, in_flight jsonb)
     ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at,
       timestamp = excluded.timestamp, origin = excluded.origin, pending = excluded.pending,
       in_flight = excluded.in_flight`,
    [userId, JSON.stringify(rows)],
  )
}
