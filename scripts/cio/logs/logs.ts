import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { ownName } from '../../topology/names.ts'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { askGoogle } from '../google-api.ts'
import { duration } from '../output.ts'
import { type Entry, entrySchema, isAsSevereAs, lineOf, type Severity } from './entry.ts'
import { LogFile } from './files.ts'

export interface LogsOptions {
  readonly severity: Severity
  /** How far back it looks, in milliseconds. */
  readonly since: number
  /** Most entries that are shown of what is there already: the newest. */
  readonly limit: number
  readonly follow?: boolean
}

/** Cloud Logging allows 60 readings a minute and project, for everybody together. */
const LOOK_EVERY_MS = { local: 200, cloud: 10_000 } as const
/** An entry can become readable some seconds after entries that are younger. */
const LATE_MS = 30_000
const PAGE = 1_000

/** Prints the functions' log lines, the oldest first. */
export async function logs(context: Context, names: readonly string[], options: LogsOptions): Promise<void> {
  const { connection, output, signal, now } = context
  const { topology } = connection
  const known = Object.keys(topology.functions).map((name) => ownName(topology, name))
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw usageError(`there is no function ${unknown}; there are: ${known.join(', ')}`)
  const every = connection.local ? LOOK_EVERY_MS.local : LOOK_EVERY_MS.cloud
  const read = reader(context, names.length === 0 ? known : names, options)
  if (!connection.local) {
    const again = options.follow ? `, and those that follow every ${duration(every)}` : ''
    output.note(
      `reads the newest ${options.limit} entries of Cloud Logging, of the last ${duration(options.since)}${again}`,
    )
  }
  const shown = new Set<string>()
  for (let sinceMs = now() - options.since, isFirst = true; ; isFirst = false) {
    const fresh = (await read(sinceMs, isFirst ? options.limit : PAGE))
      .filter((entry) => isAsSevereAs(entry, options.severity) && Date.parse(entry.timestamp) >= sinceMs)
      .filter(({ insertId, timestamp }) => !shown.has(`${timestamp} ${insertId}`))
      .sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp))
      .slice(isFirst ? -options.limit : 0)
    for (const { insertId, timestamp } of fresh) shown.add(`${timestamp} ${insertId}`)
    show(context, fresh, options)
    if (!options.follow) return
    sinceMs = Math.max(sinceMs, now() - LATE_MS)
    await delay(every, undefined, { signal })
  }
}

function show({ connection, output }: Context, entries: readonly Entry[], { follow }: LogsOptions): void {
  const text = (entry: Entry) => lineOf(entry, ownName(connection.topology, entry.resource.labels.service_name))
  if (!follow) output.result(entries, () => entries.map(text).join('\n'))
  // Who follows reads one document per line.
  else for (const entry of entries) output.line(entry, () => text(entry))
}

type Read = (sinceMs: number, most: number) => Promise<readonly Entry[]>

function reader({ connection, now, output }: Context, names: readonly string[], { severity }: LogsOptions): Read {
  if (connection.localLogs !== undefined) {
    const directory = connection.localLogs
    const files = names.map((name) => new LogFile(directory, name))
    return async () => (await Promise.all(files.map((file) => file.read(now())))).flat()
  }
  const services = names.map((name) => `"${connection.topology.namePrefix}${name}"`).join(' OR ')
  return async (sinceMs, most) => {
    const filter = [
      'resource.type="cloud_run_revision"',
      `resource.labels.service_name=(${services})`,
      `(severity>=${severity} OR severity=DEFAULT)`,
      `timestamp>="${new Date(sinceMs).toISOString()}"`,
    ].join(' AND ')
    const resourceNames = [`projects/${await connection.projectId()}`]
    const body = { resourceNames, filter, orderBy: 'timestamp desc', pageSize: Math.min(most, PAGE) }
    const answer = await askGoogle(connection, 'logging', '/v2/entries:list', body)
    const { entries } = z.looseObject({ entries: z.array(entrySchema).default([]) }).parse(answer)
    if (entries.length === PAGE) output.warn(`more than ${PAGE} entries came at once: the oldest of them are left out`)
    return entries
  }
}
