import { type ClientHttp2Session, connect } from 'node:http2'
import type { Clock } from '../clock/index.ts'
import type { Endpoint } from './endpoint.ts'
import { codeOfHttpStatus, GrpcError, STATUS } from './status.ts'
import { createAccessToken } from './token.ts'

export interface ChannelOptions {
  readonly endpoint: Endpoint
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
}

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
/** A connection that was silent for so long may be dead without anybody having said so: it is asked first. */
const SILENT_MS = 5_000
const PING_TIMEOUT_MS = 1_000
/** Google's servers accept more; an answer here is a few documents. */
const LARGEST_ANSWER_BYTES = 16 * 1024 * 1024

/**
 * gRPC over one HTTP/2 connection, which is made at the first call and made again when it breaks: what Google's clients do,
 * without what they load for it. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function createChannel({ endpoint, clock, random }: ChannelOptions): Channel {
  const token = endpoint.metadata === undefined ? undefined : createAccessToken(endpoint.metadata, clock)
  let connection: Connection | undefined

  function current(): Connection {
    if (connection === undefined || connection.isOver) connection = openConnection(endpoint.origin, clock)
    return connection
  }

  async function attempt(call: Call, remainingMs: number): Promise<Buffer[]> {
    try {
      const authorization = token === undefined ? 'Bearer owner' : `Bearer ${await token.current()}`
      return await current().send(call, { authorization, remainingMs })
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
          return await attempt(call, untilMs - clock.now())
        } catch (error) {
          const waitMs = pauseMs * (0.5 + random() / 2)
          const isOver = clock.now() + waitMs >= untilMs
          if (!(error instanceof GrpcError) || isOver || !mayRepeat(error, call)) throw error
          await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
        }
      }
    },
    close: () => connection?.destroy(),
  }
}

function mayRepeat({ code, unsent }: GrpcError, { repeatAfter }: Call): boolean {
  return unsent || repeatAfter.includes(code)
}

interface Connection {
  readonly isOver: boolean
  send(call: Call, options: { readonly authorization: string; readonly remainingMs: number }): Promise<Buffer[]>
  destroy(): void
}

function openConnection(origin: string, clock: Clock): Connection {
  const session = connect(origin)
  let isOver = false
  let heardAtMs = clock.now()
  let cause: unknown
  const over = () => {
    isOver = true
  }
  // Whoever calls hears of it; the connection itself keeps no process alive.
  session.on('error', (error) => {
    cause = error
    over()
  })
  session.on('goaway', over).on('close', over)
  session.unref()

  function askWhetherAlive(): void {
    if (session.connecting || clock.now() - heardAtMs < SILENT_MS) return
    heardAtMs = clock.now()
    const dead = clock.after(PING_TIMEOUT_MS, () => session.destroy(new Error('no answer to a ping')))
    session.ping((error) => {
      dead()
      if (error === null) heardAtMs = clock.now()
    })
  }

  return {
    get isOver() {
      return isOver
    },
    destroy: () => session.destroy(),
    send(call, { authorization, remainingMs }) {
      askWhetherAlive()
      return exchange(session, call, { authorization, remainingMs, clock }).then(
        (messages) => {
          heardAtMs = clock.now()
          return messages
        },
        (error: unknown) => {
          if (error instanceof GrpcError && error.code === STATUS.UNAVAILABLE && cause !== undefined)
            error.cause = cause
          throw error
        },
      )
    },
  }
}

interface ExchangeOptions {
  readonly authorization: string
  readonly remainingMs: number
  readonly clock: Clock
}

function exchange(session: ClientHttp2Session, call: Call, options: ExchangeOptions): Promise<Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>()
  const timeoutMs = Math.max(1, Math.ceil(options.remainingMs))
  const isConnected = !session.connecting
  if (session.destroyed || session.closed) {
    return Promise.reject(new GrpcError(STATUS.UNAVAILABLE, 'the connection is closed', { unsent: true }))
  }
  const stream = session.request({
    ':method': 'POST',
    ':path': call.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${timeoutMs}m`,
    ...call.headers,
    authorization: options.authorization,
  })
  const chunks: Buffer[] = []
  let bytes = 0
  let failure: GrpcError | undefined
  let ended: { readonly code: number; readonly details: string } | undefined
  let wasSent = isConnected

  const fail = (error: GrpcError) => {
    failure ??= error
    stream.close()
  }
  const cancel = options.clock.after(timeoutMs, () =>
    fail(new GrpcError(STATUS.DEADLINE_EXCEEDED, `no answer within ${timeoutMs} ms`)),
  )
  const readStatus = (headers: Readonly<Record<string, unknown>>) => {
    const status = headers['grpc-status']
    if (status !== undefined) ended = { code: Number(status), details: detailsOf(headers['grpc-message']) }
  }
  stream.on('ready', () => {
    wasSent = true
  })
  stream.on('response', (headers) => {
    readStatus(headers)
    const status = headers[':status'] ?? 0
    if (status !== 200) fail(new GrpcError(codeOfHttpStatus(status), `answered with HTTP status ${status}`))
  })
  stream.on('trailers', readStatus)
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LARGEST_ANSWER_BYTES) fail(new GrpcError(STATUS.RESOURCE_EXHAUSTED, 'the answer is too large'))
    else chunks.push(chunk)
  })
  // `close` follows, and tells the rest.
  stream.on('error', () => {})
  stream.on('close', () => {
    cancel()
    if (failure !== undefined) reject(failure)
    else if (ended === undefined) {
      reject(new GrpcError(STATUS.UNAVAILABLE, 'the connection was lost', { unsent: !wasSent }))
    } else if (ended.code !== STATUS.OK) reject(new GrpcError(ended.code, ended.details))
    else {
      try {
        resolve(messagesOf(Buffer.concat(chunks)))
      } catch (cause) {
        reject(new GrpcError(STATUS.INTERNAL, 'the answer is no gRPC', { cause }))
      }
    }
  })
  stream.end(framed(call.request))
  return promise
}

/** Percent-encoded; text that is not stays as it is. */
function detailsOf(message: unknown): string {
  if (typeof message !== 'string') return ''
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}

/** A message behind its prefix: not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    if (bytes.readUInt8(at) !== 0) throw new RangeError('a compressed message, which nobody asked for')
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    if (end > bytes.length) throw new RangeError('a message that is cut off')
    messages.push(bytes.subarray(at + 5, end))
    at = end
  }
  return messages
}
