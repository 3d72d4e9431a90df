import type { Context } from '../context.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Filter, matches } from './filter.ts'
import type { Source } from './source.ts'
import { openSubscription } from './subscription.ts'

/** Reads dead letters and releases them at the end. Returns at most `limit` that match, oldest first. */
export async function peek(
  context: Context,
  sources: readonly Source[],
  filter: Filter,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly DeadLetter[]> {
  const found = await Promise.all(
    sources.map(async (source) => {
      const subscription = await openSubscription(context, source)
      try {
        const deadLetters: DeadLetter[] = []
        for await (const page of subscription.pulls()) {
          deadLetters.push(...page.filter((deadLetter) => matches(deadLetter, filter, context.now())))
          if (deadLetters.length >= limit || context.signal.aborted) break
        }
        return deadLetters
      } finally {
        await subscription[Symbol.asyncDispose]()
      }
    }),
  )
  return found.flat().sort(byAge).slice(0, limit)
}

/**
 * Calls `visit` for every dead letter that matches, in no order of sources. Holds one pull of each source at a time, so any number
 * fits into memory. All sources at once: in the cloud each takes two seconds to tell that it is empty.
 */
export async function peekEach(
  context: Context,
  sources: readonly Source[],
  filter: Filter,
  visit: (deadLetter: DeadLetter) => void,
): Promise<void> {
  await Promise.all(
    sources.map(async (source) => {
      const subscription = await openSubscription(context, source)
      try {
        for await (const page of subscription.pulls()) {
          context.signal.throwIfAborted()
          for (const deadLetter of page) if (matches(deadLetter, filter, context.now())) visit(deadLetter)
        }
      } finally {
        await subscription[Symbol.asyncDispose]()
      }
    }),
  )
}

/** Oldest first; equal times in the order of their ids. */
export function byAge(a: DeadLetter, b: DeadLetter): number {
  return a.deadLetteredAtMs - b.deadLetteredAtMs || a.messageId.localeCompare(b.messageId, 'en', { numeric: true })
}
