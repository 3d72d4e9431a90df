import { computed, signal } from '@preact/signals'
import type { MessagePage } from '../../areas/messages/messages.ts'
import type { MessageRow } from '../../areas/messages/row.ts'
import { get, live } from '../client.ts'

/** As many as the local stack keeps. */
const MOST_ROWS = 100_000
const FIRST_PAGE = 500
const NEXT_PAGES = 20_000

/** In the order of publishing. Rows are replaced when they change, and the list itself is the same. */
let rows: MessageRow[] = []
let places = new Map<string, number>()
const version = signal(0)
let waiting: MessageRow[] = []

export const paused = signal(false)
export const waitingCount = signal(0)
export const loading = signal(true)
export const problem = signal<string | undefined>(undefined)

/** The newest first; another array whenever something in it has changed. */
export const newestFirst = computed<readonly MessageRow[]>(() => {
  version.value
  return rows.toReversed()
})

/** Loads the list and follows it, until the returned function is called. */
export function follow(): () => void {
  let gone = false
  const isGone = () => gone
  void load(isGone)
  const end = live<MessageRow>('messages', {
    events: (changed) => {
      if (paused.value) {
        waiting.push(...changed)
        if (waiting.length > MOST_ROWS) waiting = waiting.slice(-MOST_ROWS)
        waitingCount.value = new Set(waiting.map(({ id }) => id)).size
      } else take(changed)
    },
    lost: () => void load(isGone),
  })
  return () => {
    gone = true
    end()
  }
}

/** Shows these, the newest first, instead of what was shown. */
export function show(found: readonly MessageRow[]): void {
  set(found.toReversed())
}

export function resume(): void {
  paused.value = false
  take(waiting)
  waiting = []
  waitingCount.value = 0
}

/** The newest part first, so that there is something to see at once. */
async function load(isGone: () => boolean): Promise<void> {
  try {
    let older: MessageRow[] = []
    let before: string | undefined
    let limit = FIRST_PAGE
    do {
      const page: MessagePage = await get('/api/messages', { before, limit })
      if (isGone()) return
      older = [...page.rows.toReversed(), ...older]
      // What has come live meanwhile is newer than what was asked for.
      const known = new Set(older.map(({ id }) => id))
      set([
        ...older,
        ...rows.filter(
          ({ id, publishedAtMs }) => !known.has(id) && publishedAtMs >= (older.at(-1)?.publishedAtMs ?? 0),
        ),
      ])
      before = page.before
      limit = NEXT_PAGES
      loading.value = false
    } while (before !== undefined)
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  } finally {
    loading.value = false
  }
}

function take(changed: readonly MessageRow[]): void {
  for (const row of changed) {
    const place = places.get(row.id)
    if (place === undefined) places.set(row.id, rows.push(row) - 1)
    else rows[place] = row
  }
  if (rows.length > MOST_ROWS * 1.1) set(rows.slice(-MOST_ROWS))
  else version.value++
}

function set(all: MessageRow[]): void {
  rows = all
  places = new Map(all.map(({ id }, place) => [id, place]))
  version.value++
}
