import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { count } from '../output.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Filter, isNarrowed, matches } from './filter.ts'
import { sourcesOf } from './source.ts'
import { openSubscription } from './subscription.ts'

export interface PurgeOptions {
  readonly all?: boolean
  readonly dryRun?: boolean
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
  const purged: Record<string, number> = {}
  for (const source of sourcesOf(connection.topology, names)) {
    const subscription = await openSubscription(context, source)
    try {
      const matching: Pick<DeadLetter, 'id' | 'ackId'>[] = []
      for await (const page of subscription.pulls()) {
        context.signal.throwIfAborted()
        for (const deadLetter of page) {
          if (matches(deadLetter, filter, now())) matching.push({ id: deadLetter.id, ackId: deadLetter.ackId })
        }
      }
      purged[source.name] = matching.length
      if (matching.length === 0 || options.dryRun) continue
      await prompts.confirm(
        `Delete ${count(matching.length, 'dead letter')} of ${source.name} in ${connection.name}? This cannot be undone.`,
      )
      await subscription.acknowledge(matching)
    } finally {
      await subscription[Symbol.asyncDispose]()
    }
  }
  output.result({ purged, dryRun: options.dryRun ?? false }, () =>
    Object.entries(purged)
      .map(([name, number]) => `${name}: ${count(number, 'message')} ${options.dryRun ? 'would be ' : ''}deleted`)
      .join('\n'),
  )
}
