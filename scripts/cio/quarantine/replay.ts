import { decodeWebhookEvent } from '../../../shared/warehouse/index.ts'
import { type WebhookMessage, webhookMessageOf } from '../../../shared/webhooks/index.ts'
import type { Context } from '../context.ts'
import { aborted, CommandError } from '../errors.ts'
import { count, table } from '../output.ts'
import { eventOf, openQuarantine } from './quarantine.ts'
import type { QuarantinedWebhook, QuarantineFilter } from './rows.ts'

interface Assessed {
  readonly row: QuarantinedWebhook
  readonly message: WebhookMessage
  /** Why this release does not understand it either. */
  readonly problem: string | undefined
}

/** Publishes what is understood by now, and takes it out of the quarantine. */
export async function replay(context: Context, filter: QuarantineFilter, dryRun: boolean): Promise<void> {
  const { output, prompts, connection, signal, done, now } = context
  const quarantine = await openQuarantine(context)
  const assessed = (await quarantine.find(filter, now())).map((row) => assess(row, now()))
  const understood = assessed.filter(({ problem }) => problem === undefined)
  const left = assessed.filter(({ problem }) => problem !== undefined)
  const outcome = {
    dryRun,
    understood: understood.map(({ row }) => row.message_id),
    left: left.map(({ row, problem }) => ({ id: row.message_id, problem })),
  }
  const lists = [
    ...(understood.length === 0 ? [] : [`understood by now:\n${listed(understood, ({ row }) => row.reason)}`]),
    ...(left.length === 0 ? [] : [`still not understood:\n${listed(left, ({ problem }) => problem ?? '')}`]),
  ].join('\n')
  if (dryRun || understood.length === 0) {
    const words = `${count(understood.length, 'webhook')} would be replayed, ${left.length} would stay`
    output.result({ ...outcome, replayed: 0 }, () => [lists, words].filter(Boolean).join('\n'))
    return
  }
  if (!output.json) output.note(lists)
  const name = `${connection.topology.namePrefix}webhook-events`
  await prompts.confirm(
    `Publish ${count(understood.length, 'webhook')} to ${name} again? Every subscriber of it receives them.`,
  )
  const topic = (await connection.pubsub()).topic(name)
  const replayed: string[] = []
  try {
    // The oldest first, as they came.
    for (const { row, message } of understood.toReversed()) {
      if (signal.aborted) throw aborted('stopped; run the same command again for the others')
      await topic.publishMessage({ data: message.data, attributes: { ...message.attributes } })
      replayed.push(row.message_id)
      done.add(1, 'webhook', `published to ${name}`)
    }
  } catch (cause) {
    await quarantine.remove(replayed)
    throw cause instanceof CommandError ? cause : new CommandError('a publish failed', { cause })
  }
  const removed = await quarantine.remove(replayed)
  if (!removed) {
    output.warn(
      'BigQuery cannot delete rows within 30 minutes of their arrival (in rare cases 90): they are listed until they are replayed again',
    )
  }
  output.result(
    { ...outcome, replayed: replayed.length, removed },
    () => `${count(replayed.length, 'webhook')} replayed, ${left.length} still not understood`,
  )
}

/** As the two functions would take it now. */
function assess(row: QuarantinedWebhook, nowMs: number): Assessed {
  const { message } = webhookMessageOf({
    body: row.body,
    signatureTimestamp: row.signature_timestamp ?? '',
    receivedAtMs: Date.parse(row.received_at),
    traceparent: row.traceparent ?? undefined,
  })
  const attributes = Object.fromEntries(Object.entries(message.attributes).filter(([, value]) => value !== undefined))
  const about = { attributes, messageId: row.message_id, publishTime: row.received_at }
  const decoded = decodeWebhookEvent({ data: message.data, ...about }, nowMs)
  if (!decoded.ok) return { row, message, problem: decoded.error }
  const lost = decoded.value.rows.find(({ table: name }) => name === 'webhook_quarantine')
  const problem = lost && `${String(lost.json.reason)}: ${String(lost.json.error)}`
  return { row, message, problem: row.truncated == null ? problem : `cut: ${row.truncated} is missing` }
}

function listed(assessed: readonly Assessed[], why: (each: Assessed) => string): string {
  return table(
    ['ID', 'EVENT', 'WHY'],
    assessed.map((each) => [each.row.message_id, eventOf(each.row), why(each)]),
  )
}
