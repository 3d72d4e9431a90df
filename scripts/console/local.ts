import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { systemClock } from '../../shared/clock/index.ts'
import { connect } from '../cio/connection.ts'
import { MessageLog } from '../local/message-log.ts'
import type { Stack } from '../local/stack.ts'
import { areaDeadLetters } from './areas/dead-letters/dead-letters.ts'
import { areaFaults } from './areas/faults/faults.ts'
import { areaInbox } from './areas/inbox/inbox.ts'
import { localMessages } from './areas/message/local.ts'
import { areaMessage } from './areas/message/message.ts'
import { areaMessages } from './areas/messages/messages.ts'
import { areaNow } from './areas/now.ts'
import { areaPublish } from './areas/publish/publish.ts'
import { type Console, startConsole } from './console.ts'

export interface LocalConsoleOptions {
  /** 0 means any free one. */
  readonly port: number
  /** `SEND_LEDGER_SETTLE_SECONDS` of the stack. */
  readonly settleSeconds: number
}

/** The console of a local stack, with every area, in the stack's own process. It knows what is published from now on. */
export async function startLocalConsole(stack: Stack, { port, settleSeconds }: LocalConsoleOptions): Promise<Console> {
  const clock = systemClock
  const { topology, endpoints, pubsub } = stack
  const log = new MessageLog({ topology, projectId: endpoints.projectId, events: pubsub.events })
  const connection = await connect({ local: true, endpoints: join(dirname(endpoints.secrets), 'endpoints.json') })
  const ended = new AbortController()
  const operator = { connection, now: clock.now, signal: ended.signal }
  const backlog = (name: string) => stack.pubsub.backlog(name)
  const messages = localMessages({
    ...{ connection, log, backlog, projectId: endpoints.projectId, client: stack.client, emulator: pubsub.host },
    ...{ now: clock.now, settleMs: settleSeconds * 1_000 },
  })
  const page = await startConsole({
    port,
    environment: 'local',
    deployed: false,
    onError: (error) => console.error(error),
    areas: [
      areaNow({ clock, stats: () => stack.pubsub.allStats() }),
      areaMessages(log),
      areaMessage(messages),
      areaPublish({ stack, now: clock.now, newKey: randomUUID }),
      areaInbox(stack),
      areaDeadLetters({ operator, clock, masked: false, allowActions: true }),
      areaFaults(stack, clock),
    ],
  })
  return {
    ...page,
    close: async () => {
      log.close()
      ended.abort()
      await page.close()
      await connection.close()
    },
  }
}
