import { z } from 'zod'
import type { Clock } from '../../../../shared/clock/index.ts'
import { LIVE_KINDS, LiveChaos, type LiveChaosState } from '../../../chaos/live.ts'
import type { Stack } from '../../../local/stack.ts'
import { type Area, ConsoleError, read } from '../../server/area.ts'

/** The last run of chaos, and what one does. */
export interface ChaosShown {
  readonly run: LiveChaosState | undefined
  readonly kinds: typeof LIVE_KINDS
}

const order = z.strictObject({
  seed: z
    .number()
    .int()
    .nonnegative()
    .max(2 ** 31),
  seconds: z.number().int().min(1).max(300).default(20),
  messages: z.number().int().min(1).max(2_000).default(200),
})

const TELL_EVERY_MS = 500

/** Chaos in the local stack, one run at a time. @param newRun gives a name that no run had before: letters and digits */
export function areaChaos(stack: Stack, clock: Clock, newRun: () => string): Area {
  const listeners = new Set<() => void>()
  let chaos: LiveChaos | undefined
  let cancelTell: (() => void) | undefined

  const shown = (): ChaosShown => ({ run: chaos?.state(), kinds: LIVE_KINDS })
  const tell = () => {
    for (const listener of listeners) listener()
  }

  function start(body: unknown): ChaosShown {
    const options = read(order, body)
    if (chaos !== undefined && chaos.state().phase !== 'over') {
      throw new ConsoleError('a run is under way: stop it first', { status: 409 })
    }
    chaos = new LiveChaos(stack, { ...options, run: newRun() })
    const again = () => {
      tell()
      cancelTell = clock.after(TELL_EVERY_MS, again)
    }
    cancelTell = clock.after(TELL_EVERY_MS, again)
    void chaos.done.finally(() => {
      cancelTell?.()
      tell()
    })
    return shown()
  }

  return {
    name: 'chaos',
    close: async () => {
      chaos?.stop()
      cancelTell?.()
      // A process that is down, or a Pub/Sub that restarts, would outlive the stack.
      await chaos?.troubleOver
    },
    routes: [
      { method: 'GET', path: '/api/chaos', run: () => shown() },
      { method: 'POST', path: '/api/chaos', run: ({ body }) => start(body) },
      {
        method: 'POST',
        path: '/api/chaos/stop',
        run: () => {
          chaos?.stop()
          return shown()
        },
      },
    ],
    feeds: {
      chaos: (send) => {
        const now = () => send(shown())
        listeners.add(now)
        return () => listeners.delete(now)
      },
    },
  }
}
