import type { Context } from '../context.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import type { DeadLetterSubscription } from '../dead-letters/subscription.ts'

/**
 * After so long without an older message, none is expected: Pub/Sub promises no order between keys, a subscription takes a
 * while to go back in time after a seek, and a pull may return nothing although messages wait.
 */
const QUIET_MS = 30_000

type Reader = Pick<Context, 'now' | 'signal'> & { readonly connection: { readonly local: boolean } }

/**
 * What was published before a time, page by page. Who asks for the next page has acknowledged the one before, or Pub/Sub holds
 * back what comes after it under the same ordering key. What was published later is acknowledged here.
 */
export async function* pagesBefore(
  { connection, now, signal }: Reader,
  subscription: Pick<DeadLetterSubscription, 'pulls' | 'acknowledge'>,
  untilMs: number,
): AsyncGenerator<readonly DeadLetter[]> {
  let lastMs = now()
  do {
    for await (const page of subscription.pulls()) {
      signal.throwIfAborted()
      const mine = page.filter(({ deadLetteredAtMs: publishedAtMs }) => publishedAtMs < untilMs)
      await subscription.acknowledge(page.filter((message) => !mine.includes(message)))
      if (mine.length > 0) {
        yield mine
        lastMs = now()
      } else if (now() - lastMs > QUIET_MS) return
    }
    signal.throwIfAborted()
    // The local stack returns all that waits.
  } while (!connection.local && now() - lastMs <= QUIET_MS)
}
