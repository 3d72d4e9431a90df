import { z } from 'zod'
import type { MessageLog } from '../../../local/message-log.ts'
import { type Area, type Feed, read } from '../../server/area.ts'
import { type MessageRow, rowOf } from './row.ts'

/** A part of the list, the newest first. */
export interface MessagePage {
  readonly rows: readonly MessageRow[]
  /** Id to go on from; undefined when there is nothing older. */
  readonly before: string | undefined
  readonly total: number
}

const MOST_ROWS = 20_000

const pageQuery = z.object({
  before: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(MOST_ROWS).default(1_000),
})

/** The messages of the local stack as they are published and delivered. */
export function areaMessages(log: MessageLog): Area {
  const feed: Feed = (send) => {
    const changed = (message: Parameters<typeof rowOf>[0]) => send(rowOf(message))
    log.events.on('changed', changed)
    return () => log.events.off('changed', changed)
  }
  return {
    name: 'messages',
    routes: [{ method: 'GET', path: '/api/messages', run: ({ query }) => page(log, read(pageQuery, query)) }],
    feeds: { messages: feed },
  }
}

function page(log: MessageLog, { before, limit }: z.output<typeof pageQuery>): MessagePage {
  const all = log.all()
  const found = before === undefined ? all.length : all.findLastIndex(({ id }) => id === before)
  const end = found < 0 ? 0 : found
  const start = Math.max(0, end - limit)
  const rows = all.slice(start, end).reverse().map(rowOf)
  return { rows, before: start === 0 ? undefined : rows.at(-1)?.id, total: all.length }
}
