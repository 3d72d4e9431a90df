import { z } from 'zod'
import { NAME_LISTS } from '../../../shared/names/index.ts'
import type { Context } from '../context.ts'
import { type Finding, ok } from '../finding.ts'
import { duration } from '../output.ts'

/** They are fetched every night: this is more than one night that failed. */
const STALE_MS = 3 * 86_400_000

const rowsSchema = z.array(z.object({ id: z.string(), at_ms: z.coerce.number() }))

/**
 * That each list of names was read to its end of late. Nothing else says so: a night that fails is a warning in the probe's
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
  const stale = NAME_LISTS.filter((list) => now() - (readAt.get(list) ?? 0) > STALE_MS)
  if (stale.length === 0) {
    const oldestMs = Math.min(...NAME_LISTS.map((list) => readAt.get(list) ?? 0))
    return [ok('names', `every list was fetched within ${duration(now() - oldestMs)}`)]
  }
  const each = stale.map((list) => {
    const atMs = readAt.get(list)
    return `${list} ${atMs === undefined ? 'never' : `${duration(now() - atMs)} ago`}`
  })
  const why = 'To see why the nights failed, look for event "names" in the log of the function probe.'
  const note = `the views show old names. Last fetched: ${each.join(', ')}`
  return [{ area: 'names', state: 'warning', note, fix: `${fix}\n${''.padEnd(20)}${why}` }]
}
