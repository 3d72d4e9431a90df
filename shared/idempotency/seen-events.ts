import { hash } from 'node:crypto'
import { stringify } from 'safe-stable-stringify'
import type { TrackMessage } from '../contract/index.ts'
import type { Outcome } from '../outcome/index.ts'

/** About 10 MB: an id and the hash of a content each. */
const MOST_EVENTS = 50_000

/**
 * The events that this process delivered last, by id, so that other content under a key that was used before is heard:
 * Customer.io would ignore it without a word. The time of an event is no part of its content, since a publisher that
 * publishes again may take the time again.
 */
export class SeenEvents {
  readonly #mostPerGeneration: number
  /**
   * Takes the place of `#earlier` once it is full. One map that forgets its oldest entry at each event would have to look for
   * it past all that it has deleted.
   */
  #recent = new Map<string, string>()
  #earlier = new Map<string, string>()

  /** @param most events that are remembered; the latest half of them for certain */
  constructor(most = MOST_EVENTS) {
    this.#mostPerGeneration = most / 2
  }

  /**
   * Delivers an event, unless one with this id and other content was delivered or is being delivered.
   *
   * @param id as Customer.io gets it
   */
  async once(id: string, event: TrackMessage, deliver: () => Promise<Outcome>): Promise<Outcome> {
    const content = contentOf(event)
    const seen = this.#recent.get(id) ?? this.#earlier.get(id)
    if (seen !== undefined && seen !== content) return CONTENT_CHANGED
    this.#remember(id, content)
    const outcome = await deliver()
    // Customer.io does not have it: another content may take its place.
    if (outcome.kind === 'refused' && seen === undefined) this.#forget(id)
    return outcome
  }

  #remember(id: string, content: string): void {
    if (this.#recent.has(id)) return
    if (this.#recent.size >= this.#mostPerGeneration) {
      this.#earlier = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(id, content)
  }

  #forget(id: string): void {
    this.#recent.delete(id)
    this.#earlier.delete(id)
  }
}

const CONTENT_CHANGED: Outcome = {
  kind: 'refused',
  reason: 'content_changed',
  error:
    'the idempotency key was used before for this person and event name, with other content: publish it with a key of its own',
}

function contentOf({ action, attributes }: TrackMessage): string {
  return hash('sha256', stringify([action, attributes ?? {}]), 'base64')
}
