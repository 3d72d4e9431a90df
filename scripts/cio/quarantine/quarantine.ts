import type { Context } from '../context.ts'
import { tellOfReveal } from '../dead-letters/record.ts'
import { CommandError } from '../errors.ts'
import { count, printable, table } from '../output.ts'
import { Quarantine, type QuarantinedWebhook, type QuarantineFilter } from './rows.ts'

export async function openQuarantine({ connection }: Context): Promise<Quarantine> {
  return new Quarantine(await connection.bigquery(), connection.topology.bigquery.dataset)
}

/** What is there, without a word of its content. */
export async function list(context: Context, filter: QuarantineFilter, limit: number): Promise<void> {
  const rows = await (await openQuarantine(context)).find(filter, context.now())
  const shown = rows.slice(0, limit)
  const webhooks = shown.map(({ body: _, ...about }) => about)
  context.output.result({ total: rows.length, webhooks }, () =>
    rows.length === 0
      ? 'the quarantine is empty'
      : [
          table(
            ['ID', 'RECEIVED', 'REASON', 'EVENT', 'ERROR'],
            shown.map((row) => [row.message_id, row.received_at, row.reason, eventOf(row), row.error ?? '']),
          ),
          ...(rows.length > shown.length ? [`… and ${rows.length - shown.length} more (--limit)`] : []),
          `${count(rows.length, 'webhook')} in the quarantine`,
        ].join('\n'),
  )
}

export async function show(context: Context, ids: readonly string[]): Promise<void> {
  const rows = await (await openQuarantine(context)).find({ id: ids }, context.now())
  const missing = ids.filter((id) => !rows.some(({ message_id }) => message_id === id))
  if (rows.length > 0) await tellOfReveal(context, { deadLetters: [], stores: ['webhook_quarantine'] })
  const webhooks = rows.map((row) => ({ ...row, body: row.body.toString('utf8') }))
  context.output.result({ webhooks }, () =>
    webhooks
      .map(({ body, ...about }) => {
        const fields = Object.entries(about).flatMap(([name, value]) => (value == null ? [] : [`${name}: ${value}`]))
        return [...fields, '', body].map(printable).join('\n')
      })
      .join('\n\n'),
  )
  if (missing.length > 0) throw new CommandError(`not in the quarantine: ${missing.join(', ')}`)
}

export function eventOf({ object_type, metric }: QuarantinedWebhook): string {
  return [object_type, metric].filter((part) => part != null).join('.')
}
