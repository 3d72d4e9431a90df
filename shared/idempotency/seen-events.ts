import type { TrackMessage } from '../contract/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { contentHash } from './content-hash.ts'
import { ContentTable, type Entry, entryOf } from './content-table.ts'

/** 4 MB: the id of each, and the hash of its content. */
const MOST_EVENTS = 50_000

/**
 * The events that this process delivered last, by id, so that other content under a key that was used before is heard:
 * Customer.io would ignore it without a word. The time of an event is no part of its content, since a publisher that
 * publishes again may take the time again.
 */
export class SeenEvents {
  /** Takes the place of `#earlier` once it is full. */
  #recent: ContentTable
  #earlier: ContentTable

  /** @param most events that are remembered; the latest half of them for certain */
  constructor(most = MOST_EVENTS) {
    this.#recent = new ContentTable(most / 2)
    this.#earlier = new ContentTable(most / 2)
  }

  /**
   * Delivers an event, unless one with this id and other content was delivered or is being delivered.
   *
   * @param id a ULID, as Customer.io gets it
   */
  async once(id: string, event: TrackMessage, deliver: () => Promise<Outcome>): Promise<Outcome> {
    const { action, attributes = {} } = event
    const content = [action, attributes]
    const entry = entryOf(id, contentHash(content, 1), contentHash(content, 2))
    const recent = this.#recent.look(entry)
    const seen = recent === 'none' ? this.#earlier.look(entry) : recent
    if (seen === 'other') return CONTENT_CHANGED
    if (recent === 'none') this.#remember(entry)
    const outcome = await deliver()
    // Customer.io does not have it: another content may take its place.
    if (outcome.kind === 'refused' && seen === 'none') this.#forget(entry)
    return outcome
  }

  #remember(entry: Entry): void {
    if (this.#recent.isFull) {
      const cleared = this.#earlier
      cleared.clear()
      this.#earlier = this.#recent
      this.#recent = cleared
    }
    this.#recent.add(entry)
  }

  #forget(entry: Entry): void {
    this.#recent.delete(entry)
    this.#earlier.delete(entry)
  }
}

const CONTENT_CHANGED: Outcome = {
  kind: 'refused',
  reason: 'content_changed',
  error:
    'the idempotency key was used before for this person and event name, with other content: publish it with a key of its own',
}
