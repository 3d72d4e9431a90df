import { z } from 'zod'
import { NAME_LISTS } from '../../../shared/names/index.ts'
import type { Context } from '../context.ts'
import { type Finding, ok } from '../finding.ts'
import { count, duration } from '../output.ts'

const DAY_MS = 86_400_000
/** They are fetched every night: this is more than one night that failed. */
const STALE_MS = 3 * DAY_MS

const actionsSchema = z.array(z.object({ lists: z.coerce.number(), at_ms: z.coerce.number() }))
const rowsSchema = z.array(z.object({ id: z.string(), at_ms: z.coerce.number() }))

/**
 * That each list of names was read to its end of late, and those of the actions of each campaign and broadcast. Nothing else says so: a night that fails is a warning in the probe's
 * log, and the views go on showing the names that they have.
 */
export async function examineNames({
  connection,
  now,
}: Pick<Context, 'connection' | 'now'>): Promise<readonly Finding[]> {
  const bigquery = await connection.bigquery()
  const [rows] = await bigquery.query({
    // The row that ends a list has an empty name.
    query: `SELECT id, UNIX_MILLIS(MAX(fetched_at)) AS at_ms FROM \`${connection.topology.bigquery.dataset}.names\`
      WHERE kind = 'list' AND name = '' AND id IN UNNEST(@lists) GROUP BY id`,
    params: { lists: NAME_LISTS },
  })
  const readAt = new Map(rowsSchema.parse(rows).map(({ id, at_ms: atMs }) => [id, atMs]))
  const fix = 'npx cio-gcp names'
  if (readAt.size === 0) return [{ area: 'names', state: 'skipped', note: 'never fetched: the views show ids', fix }]
  const [unread] = await bigquery.query({
    // What the last reading of a list named exists. A list of actions that was never read is as old as what it belongs to.
    query: `WITH ends AS (
        SELECT id, UNIX_MILLIS(MAX(fetched_at)) AS at_ms FROM \`${connection.topology.bigquery.dataset}.names\`
        WHERE kind = 'list' AND name = '' GROUP BY id
      ), parents AS (
        SELECT source, id, UNIX_MILLIS(MIN(fetched_at)) AS first_ms, UNIX_MILLIS(MAX(fetched_at)) AS last_ms
        FROM \`${connection.topology.bigquery.dataset}.names\` WHERE kind IN ('campaign', 'broadcast') GROUP BY source, id
      )
      SELECT COUNT(*) AS lists, MIN(IFNULL(read.at_ms, parents.first_ms)) AS at_ms FROM parents
      JOIN ends AS named ON named.id = parents.source AND parents.last_ms > named.at_ms - @day_ms
      LEFT JOIN ends AS read ON read.id = CONCAT(parents.source, '/', parents.id, '/actions')
      WHERE IFNULL(read.at_ms, parents.first_ms) < @since_ms`,
    params: { day_ms: DAY_MS, since_ms: now() - STALE_MS },
  })
  const [actions] = actionsSchema.parse(unread)
  const stale = NAME_LISTS.filter((list) => now() - (readAt.get(list) ?? 0) > STALE_MS)
  if (stale.length === 0 && !actions?.lists) {
    const oldestMs = Math.min(...NAME_LISTS.map((list) => readAt.get(list) ?? 0))
    return [ok('names', `every list was fetched within ${duration(now() - oldestMs)}`)]
  }
  const each = stale.map((list) => {
    const atMs = readAt.get(list)
    return `${list} ${atMs === undefined ? 'never' : `${duration(now() - atMs)} ago`}`
  })
  if (actions?.lists) {
    each.push(`${count(actions.lists, 'list')} of actions, up to ${duration(now() - actions.at_ms)} ago`)
  }
  const why = 'To see why the nights failed, look for event "names" in the log of the function probe.'
  const note = `the views show old names. Last fetched: ${each.join(', ')}`
  return [{ area: 'names', state: 'warning', note, fix: `${fix}\n${''.padEnd(20)}${why}` }]
}
