import { randomUUID } from 'node:crypto'
import { systemClock } from '../../shared/clock/index.ts'
import type { Stack } from '../local/stack.ts'
import { areaInbox } from './areas/inbox/inbox.ts'
import { areaNow } from './areas/now.ts'
import { areaPublish } from './areas/publish/publish.ts'
import { type Console, startConsole } from './console.ts'

/** The console of a local stack, with every area, in the stack's own process. */
export async function startLocalConsole(stack: Stack, port: number): Promise<Console> {
  const clock = systemClock
  return await startConsole({
    port,
    environment: 'local',
    deployed: false,
    onError: (error) => console.error(error),
    areas: [
      areaNow({ clock, stats: () => stack.pubsub.allStats() }),
      areaPublish({ stack, now: clock.now, newKey: randomUUID }),
      areaInbox(stack),
    ],
  })
}
