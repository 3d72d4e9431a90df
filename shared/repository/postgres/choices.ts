import * as z from 'zod'
import type { Choice } from '../choice.ts'
import { type Choices, type PreferenceName, preferenceName } from '../preferences.ts'
import type { PostgresClient, PostgresQueries } from './pool.ts'

const choiceRow = z.object({
  user_id: z.string(),
  name: z.string(),
  value: z.boolean(),
  changed_at: z.coerce.number(), // bigint comes as text
  timestamp: z.coerce.number(),
  origin: z.enum(['application', 'customerio']),
  pending: z.boolean(),
  in_flight: z.array(z.object({ value: z.boolean(), at: z.number() })),
})

/** Reads the choices of users. Who has none is not in the map. */
export async function selectChoices(
  client: PostgresQueries,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, Choices>> {
  const { rows } = await client.query(
    `SELECT user_id, name, value, changed_at, timestamp, origin, pending, in_flight
     FROM customerio.preferences WHERE user_id = ANY($1)`,
    [userIds],
  )
  const byUser = new Map<string, Map<PreferenceName, Choice>>()
  for (const row of z.array(choiceRow).parse(rows)) {
    const name = preferenceName(row.name)
    if (name === undefined) continue
    const { value, changed_at: changedAt, timestamp, origin, pending, in_flight: inFlight } = row
    const choices = byUser.get(row.user_id) ?? new Map<PreferenceName, Choice>()
    choices.set(name, { value, changedAt, timestamp, origin, pending, inFlight })
    byUser.set(row.user_id, choices)
  }
  return byUser
}

/** Writes choices of users, all in one statement. */
export async function upsertChoices(client: PostgresClient, write: ReadonlyMap<string, Choices>): Promise<void> {
  const rows = [...write].flatMap(([userId, choices]) =>
    [...choices].map(([name, choice]) => ({
      user_id: userId,
      name,
      value: choice.value,
      changed_at: choice.changedAt,
      timestamp: choice.timestamp,
      origin: choice.origin,
      pending: choice.pending,
      in_flight: choice.inFlight,
    })),
  )
  if (rows.length === 0) return
  await client.query(
    `INSERT INTO customerio.preferences (user_id, name, value, changed_at, timestamp, origin, pending, in_flight)
     SELECT user_id, name, value, changed_at, timestamp, origin, pending, in_flight
     FROM jsonb_to_recordset($1::jsonb)
       AS c(user_id text, name text, value boolean, changed_at bigint, timestamp bigint, origin text,
            pending boolean, in_flight jsonb)
     ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at,
       timestamp = excluded.timestamp, origin = excluded.origin, pending = excluded.pending,
       in_flight = excluded.in_flight`,
    [JSON.stringify(rows)],
  )
}
