import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../shared/clock/index.ts'
import type { Area, Feed } from './area.ts'

/** Events that come within it go out together: a page that draws each of a thousand a second draws nothing else. */
const GATHER_MS = 100
/** So that both sides notice a connection that is gone. */
const HEARTBEAT_MS = 15_000
/** A page that reads more slowly than this gathers is told that it missed some, and asks for them again. */
const MOST_WAITING = 5_000

/** The feeds of all areas by name. Throws when two have the same. */
export function feedsOf(areas: readonly Area[]): ReadonlyMap<string, Feed> {
  const all = areas.flatMap(({ feeds }) => Object.entries(feeds ?? {}))
  const byName = new Map(all)
  if (byName.size < all.length) throw new Error('two areas of the console have a feed of the same name')
  return byName
}

/**
 * Streams feeds to a page, over one connection for all of them: browsers keep six per host. Each server-sent event is
 * `{ feed, events }`, or `{ feed, lost: true }` in place of more than the page could take.
 *
 * @returns what ends the stream
 */
export function stream(response: ServerResponse, feeds: ReadonlyMap<string, Feed>, clock: Clock): () => void {
  const waiting = new Map<string, unknown[] | 'lost'>()
  let cancelGather: (() => void) | undefined
  let cancelHeartbeat: (() => void) | undefined

  const flush = () => {
    cancelGather = undefined
    // What a slow page has not read yet must not pile up here: `drain` brings us back.
    if (response.writableNeedDrain) return
    for (const [feed, events] of waiting) {
      const event = events === 'lost' ? { feed, lost: true } : { feed, events }
      response.write(`data: ${JSON.stringify(event)}\n\n`)
    }
    waiting.clear()
  }
  const take = (feed: string) => (event: unknown) => {
    const events = waiting.get(feed) ?? []
    if (events === 'lost') return
    if (events.length === MOST_WAITING) waiting.set(feed, 'lost')
    else {
      events.push(event)
      waiting.set(feed, events)
    }
    cancelGather ??= clock.after(GATHER_MS, flush)
  }
  const beat = () => {
    response.write(': still here\n\n')
    cancelHeartbeat = clock.after(HEARTBEAT_MS, beat)
  }

  response.on('drain', flush)
  response.write('retry: 1000\n\n')
  const ends = [...feeds].map(([name, feed]) => feed(take(name)))
  cancelHeartbeat = clock.after(HEARTBEAT_MS, beat)
  return () => {
    cancelGather?.()
    cancelHeartbeat?.()
    for (const end of ends) end()
  }
}
