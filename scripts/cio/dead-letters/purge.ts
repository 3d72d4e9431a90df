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

/** Throws dead letters away. Takes them all in hand before it asks, so that what is counted is what goes. */
export async function purge(
  context: Context,
  names: readonly string[],
  filter: Filter,
  options: PurgeOptions,
): Promise<void> {
  const { output, connection, prompts, now } = context
  if (!isNarrowed(filter) && !options.all) {
    throw usageError('this would throw away every dead letter', 'Say which ones, or --all.')
  }
  const purged: Record<string, number> = {}
  for (const source of sourcesOf(connection.topology, names)) {
    await using subscription = await openSubscription(context, source)
    const meant: Pick<DeadLetter, 'id' | 'ackId'>[] = []
    for await (const page of subscription.pulls()) {
      context.signal.throwIfAborted()
      for (const deadLetter of page) {
        if (matches(deadLetter, filter, now())) meant.push({ id: deadLetter.id, ackId: deadLetter.ackId })
      }
    }
    purged[source.name] = meant.length
    if (meant.length === 0 || options.dryRun) continue
    await prompts.confirm(`Throw away ${count(meant.length, 'dead letter')} of ${source.name} in ${connection.name}?`)
    await subscription.acknowledge(meant)
  }
  output.result({ purged, dryRun: options.dryRun ?? false }, () =>
    Object.entries(purged)
      .map(([name, number]) => `${name}: ${count(number, 'message')} ${options.dryRun ? 'would be ' : ''}thrown away`)
      .join('\n'),
  )
}
