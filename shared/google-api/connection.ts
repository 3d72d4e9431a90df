import type { Clock } from '../clock/index.ts'

export interface Call {
  /** `/google.pubsub.v1.Publisher/Publish` */
  readonly path: string
  readonly request: Buffer
  /** For the whole call, with its repetitions. */
  readonly timeoutMs: number
  /** Codes after which the call is repeated. */
  readonly repeatAfter: readonly number[]
  /** With the parameters that Google routes by, https://google.aip.dev/client-libraries/4222. */
  readonly headers: Readonly<Record<string, string>>
}

/** One connection to an API, over which several calls go at a time. */
export interface Connection {
  readonly isOver: boolean
  /**
   * Makes a call once, and gives the messages of its answer.
   *
   * @throws {GrpcError}
   */
  send(call: Call, options: { readonly authorization: string; readonly remainingMs: number }): Promise<Buffer[]>
  destroy(): void
}

/** Opens a connection to an origin such as `https://pubsub.googleapis.com`. */
export type Connect = (origin: string, clock: Clock) => Connection
