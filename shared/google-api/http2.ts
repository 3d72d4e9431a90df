import type { ClientHttp2Session } from 'node:http2'
import type { Clock } from '../clock/index.ts'
import type { Call, Connection } from './connection.ts'
import { codeOfHttpStatus, GrpcError, STATUS } from './status.ts'

/** For TCP and TLS. A server that takes connections and says nothing would otherwise hold every call until it is over. */
const CONNECT_TIMEOUT_MS = 5_000
/** A connection that was silent for so long may be dead without anybody having said so: it is asked first. */
const SILENT_MS = 5_000
const PING_TIMEOUT_MS = 1_000
/** Google's servers accept more; an answer here is a few documents. */
const LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
/** As in gRPC's client. Node's own limit of 10 MB cuts the third of three large requests that are sent at once. */
const SESSION_MEMORY_MB = Number.MAX_SAFE_INTEGER
/** https://www.rfc-editor.org/rfc/rfc9113#name-error-codes */
const REFUSED_STREAM = 7
const CANCEL = 8

/** A connection of HTTP/2, as gRPC uses it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export function openConnection(origin: string, clock: Clock): Connection {
  // Not imported: HTTP/2 with TLS is a tenth of a start, and identify and track publish nothing but dead letters.
  const { connect } = process.getBuiltinModule('node:http2')
  const session = connect(origin, { maxSessionMemory: SESSION_MEMORY_MB })
  let heardAtMs = clock.now()
  let cause: unknown
  // Whoever calls hears of it; the connection itself keeps no process alive.
  session.on('error', (error) => {
    cause = error
  })
  session.unref()
  const cancelLimit = clock.after(CONNECT_TIMEOUT_MS, () =>
    session.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
  )
  session.once('connect', cancelLimit).once('close', cancelLimit)

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
      // A server that says goodbye closes it for further calls.
      return session.closed || session.destroyed
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
  let ended: { readonly code: number; readonly details: string } | undefined
  let wasSent = isConnected

  const fail = (error: GrpcError) => {
    // At once: what could not be sent yet is closed only with the connection.
    reject(error)
    stream.close(CANCEL)
  }
  const cancel = options.clock.after(timeoutMs, () =>
    fail(new GrpcError(STATUS.DEADLINE_EXCEEDED, `no answer within ${timeoutMs} ms`, { unsent: !wasSent })),
  )
  const readStatus = (headers: Readonly<Record<string, unknown>>) => {
    const status = headers['grpc-status']
    const code = Number(status)
    if (status !== undefined)
      ended = { code: Number.isInteger(code) ? code : STATUS.UNKNOWN, details: detailsOf(headers['grpc-message']) }
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
    if (ended === undefined) {
      // Refused: the server says that it did nothing about it, as when it goes away meanwhile.
      const unsent = !wasSent || stream.rstCode === REFUSED_STREAM
      reject(new GrpcError(STATUS.UNAVAILABLE, 'the connection was lost', { unsent }))
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
