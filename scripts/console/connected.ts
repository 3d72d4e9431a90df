import { systemClock } from '../../shared/clock/index.ts'
import type { Connection } from '../cio/connection.ts'
import { areaDeadLetters } from './areas/dead-letters/dead-letters.ts'
import { areaMessage } from './areas/message/message.ts'
import { recentRows, storesOf } from './areas/message/stores.ts'
import { areaRecordedMessages } from './areas/messages/recorded.ts'
import { areaStopped } from './areas/stopped/stopped.ts'
import { type Console, startConsole } from './console.ts'
import type { Operator } from './operator.ts'

export interface ConnectedOptions {
  /** 0 means any free one. */
  readonly port: number
  /** False: it only reads. */
  readonly allowActions: boolean
  /** True: personal data are masked until somebody reveals them. */
  readonly masked: boolean
  readonly onError: (error: unknown) => void
}

/** The pages that work on any pipeline, with the operator's own credentials. Nothing is asked for by itself. */
export async function startConnectedConsole(
  operator: Operator,
  { port, allowActions, masked, onError }: ConnectedOptions,
): Promise<Console> {
  const { connection } = operator
  return await startConsole({
    port,
    environment: nameOf(connection),
    flags: connection.flags,
    deployed: !connection.local,
    onError,
    areas: [
      areaRecordedMessages(connection, masked),
      areaMessage({
        now: operator.now,
        masked,
        bytes: async () => (await recentRows(connection, operator.now)).bytes('message'),
        // A look at dead letters leases them: that is what their own page is for.
        stores: () => storesOf(connection, operator.now, async () => []),
      }),
      areaDeadLetters({ operator, clock: systemClock, masked, allowActions }),
      areaStopped(operator, masked),
    ],
  })
}

function nameOf({ local, name, environment }: Connection): string {
  return local ? 'local' : (environment?.name ?? name)
}
