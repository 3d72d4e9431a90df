import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import { count } from '../output.ts'
import { complaintAbout, sendWebhook, testEvent } from '../webhooks/send.ts'
import { missingEvents, readWebhooks } from '../webhooks/webhooks.ts'

const POLL_MS = 500

/** Customer.io sends all its events to this address. */
export async function examineReporting(context: Context, url: string | undefined): Promise<readonly Finding[]> {
  const area = 'reporting webhook'
  const all = await readWebhooks(context)
  if (url === undefined)
    return [{ area, state: 'skipped', note: `${count(all.length, 'webhook')}; give --webhook-url to identify ours` }]
  const ours = all.find(({ endpoint }) => endpoint === url)
  if (ours === undefined) {
    const note = `Customer.io sends nothing to ${url}`
    const fix = `npx cio-gcp webhooks create --url ${url}`
    // The local Customer.io sends its own events there anyway.
    return [{ area, state: context.connection.local ? 'warning' : 'wrong', note, fix }]
  }
  const { id } = ours
  if (ours.disabled) return [wrong(area, `webhook ${id} is disabled`, `npx cio-gcp webhooks update ${id} --enable`)]
  const missing = missingEvents(ours)
  if (missing.length === 0) return [ok(area, `webhook ${id} sends all events`)]
  const fix = `npx cio-gcp webhooks update ${id}`
  return [{ area, state: 'warning', note: `webhook ${id} leaves out ${count(missing.length, 'event')}`, fix }]
}

/** The function answers, rejects a wrong signature, and takes a signed event, which must arrive in BigQuery. */
export async function examineWebhook(
  context: Context,
  url: string | undefined,
  { synthetic, waitMs }: { readonly synthetic: boolean; readonly waitMs: number },
): Promise<readonly Finding[]> {
  if (url === undefined) return [{ area: 'webhook', state: 'skipped', note: 'give --webhook-url' }]
  const { connection, now } = context
  const { eventId, body } = testEvent(now())
  const unsigned = await sendWebhook(url, 'a key that nobody has', body, now())
  if (unsigned.status !== 401) {
    const complaint = complaintAbout(unsigned, connection)
    const note = `a wrong signature got ${unsigned.status === undefined ? 'no answer' : `answer ${unsigned.status}`} instead of 401`
    return [
      wrong(
        'webhook',
        note,
        complaint?.hint ?? 'Anybody could write to the warehouse. Is this the address of our function?',
      ),
    ]
  }
  const findings: Finding[] = [ok('webhook', `answers, and rejects a wrong signature (${unsigned.latencyMs} ms)`)]
  if (!synthetic) return findings
  const [key = ''] = await connection.customerIo().signingKeys()
  const answer = await sendWebhook(url, key, body, now())
  const complaint = complaintAbout(answer, connection)
  if (complaint !== undefined) return [...findings, wrong('test event', complaint.what, complaint.hint)]
  const tookMs = await untilStored(context, eventId, waitMs)
  if (tookMs === undefined) {
    const fix = 'See the log of the function warehouse, and `dlq list warehouse`.'
    return [...findings, wrong('test event', `accepted, but not in BigQuery after ${waitMs / 1_000} s`, fix)]
  }
  return [
    ...findings,
    ok('test event', `answered ${answer.status}, in BigQuery after ${(tookMs / 1_000).toFixed(1)} s`),
  ]
}

/** How long it took; undefined when it took too long. */
async function untilStored({ connection, now, signal }: Context, eventId: string, waitMs: number) {
  const bigquery = await connection.bigquery()
  const { dataset } = connection.topology.bigquery
  const table = `\`${bigquery.projectId}.${dataset}.webhook_events\``
  const partition = 'timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)'
  const query = `SELECT COUNT(*) AS found FROM ${table} WHERE ${partition} AND event_id = @eventId`
  const startedMs = now()
  while (now() - startedMs < waitMs) {
    const [rows] = await bigquery.query({ query, params: { eventId } })
    const [row] = z.array(z.object({ found: z.coerce.number() })).parse(rows)
    if (row !== undefined && row.found > 0) return now() - startedMs
    await delay(POLL_MS, undefined, { signal })
  }
  return undefined
}
