import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { count } from '../output.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Filter, idsNotFound, isNarrowed, matches, notFoundError } from './filter.ts'
import { tellRecord } from './record.ts'
import { sourcesOf } from './source.ts'
import { type DeadLetterSubscription, openSubscription } from './subscription.ts'

export interface PurgeOptions {
  readonly all?: boolean
  readonly dryRun?: boolean
}

interface Found {
  readonly source: string
  readonly subscription: DeadLetterSubscription
  readonly matching: Pick<DeadLetter, 'id' | 'messageId' | 'ackId' | 'source'>[]
}

/** Deletes dead letters. Pulls all of them before it asks, so that the number it names is the number it deletes. */
export async function purge(
  context: Context,
  names: readonly string[],
  filter: Filter,
  options: PurgeOptions,
): Promise<void> {
  const { output, connection, prompts, now } = context
  if (!isNarrowed(filter) && !options.all) {
    throw usageError('this would delete every dead letter', 'Give a filter, or --all.')
  }
  const dryRun = options.dryRun ?? false
  const found: Found[] = []
  try {
    const ids = new Set<string>()
    for (const source of sourcesOf(connection.topology, names)) {
      const subscription = await openSubscription(context, source)
      const matching: Found['matching'] = []
      found.push({ source: source.name, subscription, matching })
      for await (const page of subscription.pulls()) {
        context.signal.throwIfAborted()
        for (const deadLetter of page) {
          const { id, messageId, ackId } = deadLetter
          if (!matches(deadLetter, filter, now())) continue
          matching.push({ id: deadLetter.id, messageId, ackId, source: deadLetter.source })
          ids.add(id).add(messageId)
        }
      }
    }
    const missing = idsNotFound(filter, ids)
    if (missing.length > 0) throw notFoundError(missing)
    const meant = found.filter(({ matching }) => matching.length > 0)
    if (meant.length > 0 && !dryRun) {
      const each = meant.map(({ source, matching }) => `${source} ${matching.length}`).join(', ')
      const all = meant.reduce((sum, { matching }) => sum + matching.length, 0)
      await prompts.confirm(
        `Delete ${count(all, 'dead letter')} (${each}) of ${connection.name}? This cannot be undone.`,
      )
      for (const { source, subscription, matching } of meant) {
        await deleteForGood(context, source, subscription, matching)
      }
    }
  } finally {
    for (const { subscription } of found) await subscription[Symbol.asyncDispose]()
  }
  const purged = Object.fromEntries(found.map(({ source, matching }) => [source, matching.length]))
  output.result({ purged, dryRun }, () =>
    Object.entries(purged)
      .map(([name, number]) => `${name}: ${count(number, 'message')} ${dryRun ? 'would be ' : ''}deleted`)
      .join('\n'),
  )
}

/** Deletes dead letters of one source that are held, and tells the record. */
export async function deleteForGood(
  context: Pick<Context, 'connection' | 'output' | 'now' | 'done'>,
  source: string,
  subscription: DeadLetterSubscription,
  deadLetters: readonly Pick<DeadLetter, 'id' | 'messageId' | 'ackId' | 'source'>[],
): Promise<void> {
  await subscription.acknowledge(deadLetters)
  context.done.add(deadLetters.length, 'dead letter', `of ${source} deleted`)
  await tellRecord(context, 'purged', deadLetters)
}
