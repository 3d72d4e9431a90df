import type { Context } from '../context.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import type { DeadLetterSubscription } from '../dead-letters/subscription.ts'

/** Pub/Sub promises no order between keys. After so long with newer messages only, no older one is expected. */
const QUIET_MS = 60_000

/**
 * What was published before a time, page by page. Who asks for the next page has acknowledged the one before, or Pub/Sub holds
 * back what comes after it under the same ordering key. What was published later is acknowledged here.
 */
export async function* pagesBefore(
  { now, signal }: Pick<Context, 'now' | 'signal'>,
  subscription: DeadLetterSubscription,
  untilMs: number,
): AsyncGenerator<readonly DeadLetter[]> {
  let lastMs = now()
  for await (const page of subscription.pulls()) {
    signal.throwIfAborted()
    const mine = page.filter(({ deadLetteredAtMs: publishedAtMs }) => publishedAtMs < untilMs)
    await subscription.acknowledge(page.filter((message) => !mine.includes(message)))
    if (mine.length > 0) {
      yield mine
      lastMs = now()
    } else if (now() - lastMs > QUIET_MS) return
  }
}
