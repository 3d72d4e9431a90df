import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { Source } from './source.ts'
import { type DeadLetterSubscription, openSubscription } from './subscription.ts'
import { undeliveredOf } from './undelivered.ts'

/** So many are held at a time, and of so many bytes: they are in memory. */
const MOST = { deadLetters: 20_000, bytes: 256 * 1024 * 1024 }

/** What could not be pulled. */
export interface Unseen {
  /** More waited than are held at a time. */
  readonly more: boolean
  /** By source: how many another process seems to hold. In the cloud by a metric that is some minutes old. */
  readonly elsewhere: Readonly<Record<string, number>>
}

interface Place {
  readonly source: Source
  readonly subscription: DeadLetterSubscription
}

/** Dead letters of one source, taken from a {@link Hold} to be acted upon. */
export interface Taken extends Place {
  readonly deadLetters: readonly DeadLetter[]
}

/**
 * Dead letters that somebody looks at for a while. Pub/Sub has no read without a lease: they are pulled, the leases are
 * extended, nobody else receives them meanwhile, and they are given back when this is disposed of.
 */
export class Hold implements AsyncDisposable {
  readonly #context: Pick<Context, 'connection' | 'now' | 'signal'>
  readonly #places: readonly Place[]
  readonly #held = new Map<string, { readonly deadLetter: DeadLetter; readonly place: Place }>()
  #bytes = 0

  private constructor(context: Pick<Context, 'connection' | 'now' | 'signal'>, places: readonly Place[]) {
    this.#context = context
    this.#places = places
  }

  static async open(
    context: Pick<Context, 'connection' | 'now' | 'signal'>,
    sources: readonly Source[],
  ): Promise<Hold> {
    const places = await Promise.all(
      sources.map(async (source) => ({ source, subscription: await openSubscription(context, source) })),
    )
    return new Hold(context, places)
  }

  /** Pulls what there is, all sources at once. @param onPage is called with each pull's dead letters */
  async pull(onPage: (deadLetters: readonly DeadLetter[]) => void = () => {}): Promise<Unseen> {
    const counts = await Promise.all(this.#places.map((place) => this.#pullFrom(place, onPage)))
    return {
      more: counts.some(({ more }) => more),
      elsewhere: Object.fromEntries(
        counts.flatMap(({ source, elsewhere }) => (elsewhere > 0 ? [[source, elsewhere]] : [])),
      ),
    }
  }

  /** In the order in which they came. */
  get deadLetters(): readonly DeadLetter[] {
    return [...this.#held.values()].map(({ deadLetter }) => deadLetter)
  }

  /** Until when nobody else receives any of them, in milliseconds since 1970. It stays once it has passed. */
  get untilMs(): number {
    return Math.min(...this.#places.map(({ subscription }) => subscription.heldUntilMs))
  }

  find(messageId: string): DeadLetter | undefined {
    return this.#held.get(messageId)?.deadLetter
  }

  /**
   * Those of these that are still here, by source, to be acted upon.
   *
   * @throws when a lease ran out, so that somebody else may have received them
   */
  take(messageIds: Iterable<string>): readonly Taken[] {
    const held = [...new Set(messageIds)].flatMap((id) => this.#held.get(id) ?? [])
    return [...Map.groupBy(held, ({ place }) => place)].map(([place, ofPlace]) => {
      if (place.subscription.heldUntilMs < this.#context.now()) throw leaseLost(place.source)
      return { ...place, deadLetters: ofPlace.map(({ deadLetter }) => deadLetter) }
    })
  }

  /** They were acknowledged. */
  drop(deadLetters: readonly DeadLetter[]): void {
    for (const { messageId, data } of deadLetters) {
      if (this.#held.delete(messageId)) this.#bytes -= data.length
    }
  }

  /** Gives back what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.clear()
    await Promise.all(this.#places.map(({ subscription }) => subscription[Symbol.asyncDispose]()))
  }

  async #pullFrom(place: Place, onPage: (deadLetters: readonly DeadLetter[]) => void) {
    const { source, subscription } = place
    let seen = 0
    for await (const page of subscription.pulls()) {
      this.#context.signal.throwIfAborted()
      for (const deadLetter of page) {
        if (!this.#held.has(deadLetter.messageId)) {
          seen += 1
          this.#bytes += deadLetter.data.length
        }
        this.#held.set(deadLetter.messageId, { deadLetter, place })
      }
      onPage(page)
      if (this.#held.size >= MOST.deadLetters || this.#bytes >= MOST.bytes) {
        return { source: source.name, more: true, elsewhere: 0 }
      }
    }
    const waiting = await undeliveredOf(this.#context, source)
    return { source: source.name, more: false, elsewhere: Math.max(0, (waiting ?? seen) - seen) }
  }
}

function leaseLost({ name }: Source): CommandError {
  return new CommandError(`the dead letters of ${name} are no longer held, and somebody else may have received them`, {
    hint: 'Nothing was done. Look again.',
  })
}
