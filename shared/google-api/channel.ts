import { type Clock, TimeoutError, withTimeout } from '../clock/index.ts'
import type { Call, Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import { openConnection } from './http2.ts'
import { GrpcError, STATUS } from './status.ts'
import { createAccessToken } from './token.ts'

export interface ChannelOptions {
  readonly endpoint: Endpoint
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
}

/** Calls of one API. */
export interface Channel {
  /**
   * The messages of the answer; a call that answers no stream has one.
   *
   * @throws {GrpcError}
   */
  call(call: Call): Promise<Buffer[]>
  /** Cuts what is under way. */
  close(): void
}

/** Between the first two attempts, at most; from one to the next it doubles. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

/**
 * gRPC over one HTTP/2 connection, which is made at the first call and made again when it breaks: what Google's clients do,
 * without what they load for it. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function createChannel({ endpoint, clock, random }: ChannelOptions): Channel {
  const token = endpoint.metadata === undefined ? undefined : createAccessToken(endpoint.metadata, clock)
  let connection: Connection | undefined

  function current(): Connection {
    if (connection === undefined || connection.isOver)
      connection = (endpoint.connect ?? openConnection)(endpoint.origin, clock)
    return connection
  }

  async function authorization(untilMs: number): Promise<string> {
    if (token === undefined) return 'Bearer owner'
    try {
      return `Bearer ${await withTimeout(clock, untilMs - clock.now(), token.current())}`
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      throw new GrpcError(STATUS.DEADLINE_EXCEEDED, 'no access token in time', { unsent: true })
    }
  }

  async function attempt(call: Call, untilMs: number): Promise<Buffer[]> {
    try {
      const authorized = await authorization(untilMs)
      return await current().send(call, { authorization: authorized, remainingMs: untilMs - clock.now() })
    } catch (error) {
      if (error instanceof GrpcError && error.code === STATUS.UNAUTHENTICATED) token?.forget()
      throw error
    }
  }

  return {
    async call(call) {
      const untilMs = clock.now() + call.timeoutMs
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        try {
          return await attempt(call, untilMs)
        } catch (error) {
          const waitMs = pauseMs * (0.5 + random() / 2)
          const isOver = clock.now() + waitMs >= untilMs
          if (!(error instanceof GrpcError) || isOver || !mayRepeat(error, call)) throw error
          await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
          // A process may have stood still meanwhile. Whoever called counts on nothing leaving any more.
          if (clock.now() >= untilMs) throw error
        }
      }
    },
    close: () => connection?.destroy(),
  }
}

function mayRepeat({ code, unsent }: GrpcError, { repeatAfter }: Call): boolean {
  return unsent || repeatAfter.includes(code)
}
