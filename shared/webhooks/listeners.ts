import { EventEmitter } from 'node:events'
import { type Clock, withTimeout } from '../clock/index.ts'
import { type KnownWebhookData, PROBE_OBJECT_TYPE, type WebhookEvent } from './event.ts'

/** Events by name: each documented one with its own data, `<object_type>.*`, `*`, and any other name. */
type EventsByName = { [Name in keyof KnownWebhookData]: [event: WebhookEvent<KnownWebhookData[Name]>] } & {
  [name: `${string}.${string}`]: [event: WebhookEvent]
}

/** A call of a listener that came to nothing. None of this changes the answer to Customer.io. */
export interface ListenerFailure {
  /** What the listener is registered for. */
  readonly name: string
  readonly eventId: string
  /**
   * `error`: it threw or rejected. `timeout`: it took longer than the time that was left.
   * `paused`: it was not called, because an earlier call of it still hangs.
   */
  readonly reason: 'error' | 'timeout' | 'paused'
  /** What was thrown, for `error`. */
  readonly error?: unknown
}

interface ListenerMap extends EventsByName {
  '*': [event: WebhookEvent]
  listenerFailure: [failure: ListenerFailure]
}

/** How long a listener that hung is left alone, unless the call that hung ends sooner. */
const PAUSE_MS = 60_000

type Listener = (...args: unknown[]) => unknown

/**
 * Calls listeners for webhooks that are safely published:
 *
 *     webhooks.on('email.bounced', async ({ data }) => { … })   // one event, with its own type
 *     webhooks.on('email.*', (event) => { … })                  // a channel
 *     webhooks.on('*', (event) => { … })                        // everything
 *     webhooks.on('listenerFailure', ({ name, reason }) => { … })
 *
 * Listeners may be async and run side by side. They get what is left of the few seconds that Customer.io waits, may see
 * an event more than once, and never change the answer: who must not miss an event subscribes to the topic instead.
 */
export class CustomerIOWebhookHandler extends EventEmitter<ListenerMap> {
  readonly #clock: Clock
  /** Until when a listener that hung is not called. Weak, so that a removed listener is forgotten. */
  readonly #pausedUntilMs = new WeakMap<Listener, number>()

  constructor({ clock }: { readonly clock: Clock }) {
    super()
    this.#clock = clock
  }

  /**
   * Calls the listeners of an event; none for the probe's. Resolves when all have ended or `timeoutMs` has passed; never
   * rejects.
   */
  async dispatch(event: WebhookEvent, timeoutMs: number): Promise<void> {
    const { object_type: objectType, metric } = event
    if (objectType === PROBE_OBJECT_TYPE) return
    const names = ['*']
    if (typeof objectType === 'string') {
      names.unshift(`${objectType}.*`)
      if (typeof metric === 'string') names.unshift(`${objectType}.${metric}`)
    }
    const calls: Promise<void>[] = []
    // A metric named `*` would otherwise call the channel's listeners twice.
    for (const name of new Set(names)) {
      // Raw, since calling the wrapper of a `once` listener is what removes it.
      const listeners = this.rawListeners(name as '*') as Listener[]
      calls.push(...listeners.map((listener) => this.#call(listener, name, event, timeoutMs)))
    }
    await Promise.all(calls)
  }

  async #call(listener: Listener, name: string, event: WebhookEvent, timeoutMs: number): Promise<void> {
    const eventId = event.event_id
    if (this.#clock.now() < (this.#pausedUntilMs.get(listener) ?? 0)) {
      this.#fail({ name, eventId, reason: 'paused' })
      return
    }
    const call = settled(listener, this, event)
    // From here on nothing refers to the event but the listener itself: one that hangs keeps only what it holds.
    const outcome = await withTimeout(this.#clock, Math.max(0, timeoutMs), call).catch(() => 'timeout' as const)
    if (outcome === 'timeout') {
      this.#pausedUntilMs.set(listener, this.#clock.now() + PAUSE_MS)
      call.then(() => this.#pausedUntilMs.delete(listener))
      this.#fail({ name, eventId, reason: 'timeout' })
    } else if (outcome !== 'done') {
      this.#fail({ name, eventId, reason: 'error', error: outcome.error })
    }
  }

  #fail(failure: ListenerFailure): void {
    for (const listener of this.rawListeners('listenerFailure') as Listener[]) {
      // A failure of who listens to failures ends here: there is nobody left to tell.
      void settled(listener, this, failure)
    }
  }
}

type CallOutcome = 'done' | { readonly error: unknown }

/** Not an async function: its frame would keep the argument for as long as anyone keeps the listener's promise. */
function settled(listener: Listener, self: CustomerIOWebhookHandler, argument: unknown): Promise<CallOutcome> {
  try {
    return Promise.resolve(Reflect.apply(listener, self, [argument])).then(done, failed)
  } catch (error) {
    return Promise.resolve(failed(error))
  }
}
const done = (): CallOutcome => 'done'
const failed = (error: unknown): CallOutcome => ({ error })
