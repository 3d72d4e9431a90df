import type { Context } from '../context.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { type Source, sourcesOf } from '../dead-letters/source.ts'
import { type DeadLetterSubscription, openSubscription } from '../dead-letters/subscription.ts'
import { undeliveredOf } from '../dead-letters/undelivered.ts'
import { relationOf, type Sought } from '../dead-letters/whose.ts'

/** The dead letters of one source, as far as one person is concerned. */
export interface Sorted {
  readonly own: readonly DeadLetter[]
  /** They name the person, and belong to others as well. */
  readonly shared: readonly DeadLetter[]
  /** They keep no contract, and a name of the person stands in them. */
  readonly perhaps: readonly DeadLetter[]
  /** How many were not to be seen, since another process holds them. */
  readonly unseen: number
  readonly all: readonly DeadLetter[]
}

function untold({ name }: Source): string {
  return `Cloud Monitoring does not say how many dead letters of ${name} there are: any that another process holds were not looked at`
}

/** Pulls every dead letter of each source and hands them, sorted, to `use`, while they are held. */
export async function sortDeadLetters<T>(
  context: Context,
  sought: Sought,
  use: (source: Source, sorted: Sorted, subscription: DeadLetterSubscription) => Promise<T>,
): Promise<Readonly<Record<string, T>>> {
  const results: Record<string, T> = {}
  for (const source of sourcesOf(context.connection.topology)) {
    const subscription = await openSubscription(context, source)
    try {
      const sorted = { own: [] as DeadLetter[], shared: [] as DeadLetter[], perhaps: [] as DeadLetter[] }
      const seen = new Map<string, DeadLetter>()
      for await (const page of subscription.pulls()) {
        for (const deadLetter of page) {
          if (seen.has(deadLetter.id)) continue
          seen.set(deadLetter.id, deadLetter)
          const relation = relationOf(source.topic, deadLetter.data, sought)
          if (relation !== 'none') sorted[relation].push(deadLetter)
        }
      }
      const undelivered = await undeliveredOf(context, source)
      if (undelivered === undefined) context.output.warn(untold(source))
      const unseen = Math.max(0, (undelivered ?? 0) - seen.size)
      results[source.name] = await use(source, { ...sorted, unseen, all: [...seen.values()] }, subscription)
    } finally {
      await subscription[Symbol.asyncDispose]()
    }
  }
  return results
}
