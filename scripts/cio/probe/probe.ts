import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { documentPath } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { askGoogle } from '../google-api.ts'
import { duration, table } from '../output.ts'

export interface ProbeOptions {
  /** Seconds. */
  readonly wait: number
}

const linkSchema = z.looseObject({
  link: z.string(),
  ok: z.boolean(),
  latency_ms: z.number(),
  reason: z.string().optional(),
})
const roundSchema = z.looseObject({ ok: z.boolean(), links: z.array(linkSchema) })
type Round = z.output<typeof roundSchema>

const ASK_EVERY_MS = 5_000

/** Starts one round and shows what it found. Fails when a link is broken. */
export async function probe(context: Context, { wait }: ProbeOptions): Promise<void> {
  const { probeUrl } = context.connection
  const round = probeUrl === undefined ? await roundInCloud(context, wait * 1_000) : await roundHere(probeUrl)
  context.output.result(round, () => {
    const rows = round.links.map(({ link, ok, latency_ms, reason = '' }) => {
      return [ok ? '✓' : '✗', link, latency_ms < 1_000 ? `${latency_ms} ms` : duration(latency_ms), reason]
    })
    return table(['', 'link', 'after', ''], rows)
  })
  if (round.ok) return
  const broken = round.links.flatMap(({ link, ok }) => (ok ? [] : [link]))
  const hint = `${documentPath('terraform/runbooks/probe.md')} says what each reason means`
  throw new CommandError(`broken: ${broken.join(', ')}`, { hint })
}

/** The local function answers with what it found. */
async function roundHere(url: string): Promise<Round> {
  const response = await fetch(url, { method: 'POST' })
  const round = roundSchema.safeParse(await response.json().catch(() => undefined))
  if (round.success) return round.data
  throw new CommandError(`the function probe answered ${response.status}`, {
    hint: 'Its log says why: .local/logs/probe.log',
  })
}

const entriesSchema = z.looseObject({
  entries: z
    .array(
      z.looseObject({ timestamp: z.iso.datetime({ offset: true }), jsonPayload: z.looseObject({ event: z.string() }) }),
    )
    .default([]),
})
const endSchema = z.looseObject({ event: z.literal('probe_round'), ok: z.boolean(), latency_ms: z.number() })

/** Starts a round by a message, since only Pub/Sub may call the function, and reads what it found from its log. */
async function roundInCloud({ connection, output, done, signal, now }: Context, waitMs: number): Promise<Round> {
  const { functions, probe: probed } = connection.topology
  const [name = ''] = Object.entries(functions).find(([, { probes }]) => probes.length > 0) ?? []
  const startedMs = now()
  const pubsub = await connection.pubsub()
  await pubsub.topic(probed.topic).publishMessage({ data: Buffer.from('start a round') })
  done.note('a round was started')
  output.note('a round was started; its result will be in the log in a minute or two')
  const resourceNames = [`projects/${await connection.projectId()}`]
  const filter = [
    'resource.type="cloud_run_revision"',
    `resource.labels.service_name="${name}"`,
    'jsonPayload.event=("probe" OR "probe_round")',
    `timestamp>="${new Date(startedMs).toISOString()}"`,
  ].join(' AND ')
  for (;;) {
    const body = { resourceNames, filter, orderBy: 'timestamp asc', pageSize: 1_000 }
    const round = firstRound(await askGoogle(connection, 'logging', '/v2/entries:list', body), startedMs)
    if (round !== undefined) return round
    if (now() - startedMs >= waitMs) break
    await delay(ASK_EVERY_MS, undefined, { signal })
  }
  throw new CommandError(`no round came to its end within ${duration(waitMs)}`, {
    hint: 'Is the function probe deployed? Its log says what it did. You need roles/logging.viewer to read it.',
  })
}

/** The first round that began after that time, from lines of the log, oldest first; undefined while it has not ended. Pure. */
export function firstRound(answer: unknown, sinceMs: number): Round | undefined {
  let links: z.output<typeof linkSchema>[] = []
  for (const { timestamp, jsonPayload } of entriesSchema.parse(answer).entries) {
    const link = linkSchema.safeParse(jsonPayload)
    if (link.success) links.push(link.data)
    const end = endSchema.safeParse(jsonPayload)
    if (!end.success) continue
    // What began before may have been under way, and tried what was there then.
    if (Date.parse(timestamp) - end.data.latency_ms >= sinceMs) return { ok: end.data.ok, links }
    links = []
  }
  return undefined
}
