import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { systemClock } from '../../shared/clock/index.ts'
import { connect } from '../cio/connection.ts'
import { deliveredTopics, MessageLog } from '../local/message-log.ts'
import { publishSample } from '../local/run-sample.ts'
import type { Stack } from '../local/stack.ts'
import type { Topology } from '../topology/topology.ts'
import { areaDeadLetters } from './areas/dead-letters/dead-letters.ts'
import { areaChaos } from './areas/faults/chaos.ts'
import { areaFaults } from './areas/faults/faults.ts'
import { areaInbox } from './areas/inbox/inbox.ts'
import { localMessages } from './areas/message/local.ts'
import { areaMessage } from './areas/message/message.ts'
import { areaMessages } from './areas/messages/messages.ts'
import { areaNow } from './areas/now/now.ts'
import { Rates } from './areas/now/rates.ts'
import { areaPublish } from './areas/publish/publish.ts'
import { areaStopped } from './areas/stopped/stopped.ts'
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
  const rates = new Rates(pubsub.events, ratedTopics(topology, endpoints.projectId), clock.now)
  const page = await startConsole({
    port,
    environment: 'local',
    flags: connection.flags,
    deployed: false,
    onError: (error) => console.error(error),
    areas: [
      areaNow({
        ...{ clock, topology, log, rates, customerio: stack.customerio },
        stats: () => stack.pubsub.allStats(),
        publishSample: () => publishSample(stack.client),
      }),
      areaMessages(log),
      areaMessage(messages),
      areaPublish({ stack, now: clock.now, newKey: randomUUID }),
      areaInbox(stack),
      areaDeadLetters({ operator, clock, masked: false, allowActions: true }),
      areaStopped(operator, false),
      areaFaults(stack, clock),
      areaChaos(stack, clock, () => `c${clock.now().toString(36)}x`),
    ],
  })
  return {
    ...page,
    close: async () => {
      log.close()
      rates.close()
      ended.abort()
      await page.close()
      await connection.close()
    },
  }
}

/** What counts as published, and what as dead-lettered. */
function ratedTopics(topology: Topology, projectId: string) {
  const named = (topics: readonly string[]) => new Set(topics.map((topic) => `projects/${projectId}/topics/${topic}`))
  const deadLetters = Object.values(topology.subscriptions).flatMap((each) => each.dead_letter_topic ?? [])
  return { topics: named(deliveredTopics(topology)), deadLetterTopics: named(deadLetters) }
}
