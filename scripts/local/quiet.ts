import { setTimeout as delay } from 'node:timers/promises'
import type { CustomerIoServer } from '../emulators/customerio/index.ts'
import type { PubSubServer } from '../emulators/pubsub/index.ts'

/** How long what a function holds may take to be answered; what takes longer, its process finishes before it ends. */
const ANSWER_LIMIT_MS = 500
const LOOK_EVERY_MS = 10

export interface Senders {
  /** The one that runs now. */
  readonly pubsub: () => PubSubServer
  readonly customerio: CustomerIoServer
}

/**
 * Does something while nobody sends a function anything: neither its subscriptions nor, for the one that takes them, Customer.io
 * its webhooks. What would have come comes afterwards, as the attempt that it was.
 *
 * @param subscriptions full names of those that push to the function
 */
export async function whileQuiet(
  { pubsub, customerio }: Senders,
  { subscriptions, takesWebhooks }: { readonly subscriptions: readonly string[]; readonly takesWebhooks: boolean },
  during: () => Promise<void>,
): Promise<void> {
  // Somebody may have paused one on purpose.
  const held = subscriptions.filter((name) => !pubsub().stats(name).paused)
  for (const name of held) pubsub().pause(name)
  const webhooksHeld = takesWebhooks ? customerio.webhooks.hold() : undefined
  try {
    await Promise.race([answered(pubsub(), held, webhooksHeld), delay(ANSWER_LIMIT_MS)])
    await during()
  } finally {
    for (const name of held) pubsub().resume(name)
    if (takesWebhooks) customerio.webhooks.release()
  }
}

async function answered(
  pubsub: PubSubServer,
  held: readonly string[],
  webhooks: Promise<void> | undefined,
): Promise<void> {
  await webhooks
  while (held.some((name) => pubsub.stats(name).leased > 0)) await delay(LOOK_EVERY_MS)
}
