import { z } from 'zod'
import type { Connection } from '../../../cio/connection.ts'
import { bytesOf, messagesOf } from '../../../cio/messages/recorded.ts'
import { type Area, read } from '../../server/area.ts'
import { answered } from '../answered.ts'

const day = z.iso.date('must be a day such as 2026-11-26')
const daysQuery = z
  .strictObject({ from: day, to: day })
  .refine(({ from, to }) => from <= to, { path: ['to'], message: 'must not be before the first day' })

/**
 * The messages of these days as the record has them, by the view `published_messages`. It is read when somebody asks, and
 * how much that reads can be asked before. Nothing in a row names a person: the record knows them by hashes.
 *
 * @param masked true: without what looks like an address in the name of an event or a template
 */
export function areaRecordedMessages(connection: Pick<Connection, 'bigquery' | 'topology'>, masked: boolean): Area {
  return {
    name: 'messages',
    routes: [
      {
        method: 'GET',
        path: '/api/recorded',
        run: ({ query }) => answered(() => messagesOf(connection, read(daysQuery, query), masked)),
      },
      {
        method: 'GET',
        path: '/api/recorded/bytes',
        run: ({ query }) => answered(async () => ({ bytes: await bytesOf(connection, read(daysQuery, query)) })),
      },
    ],
  }
}
