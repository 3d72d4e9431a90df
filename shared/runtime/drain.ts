import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { DRAIN_LIMIT_MS } from '../config/index.ts'

/** Counts what a function holds, and on SIGTERM finishes it before the process ends. */
export interface Drain {
  /** Counts a request in until its response is closed. False when the function is shutting down and takes no more. */
  begin(request: IncomingMessage, response: ServerResponse): boolean
  /** Milliseconds until the process ends; Infinity before SIGTERM. What may last longer and must not be cut off is not begun. */
  timeLeftMs(): number
}

/** The part of `process` that a drain needs. */
export interface DrainProcess {
  removeAllListeners(signal: 'SIGTERM'): unknown
  once(signal: 'SIGTERM', listener: () => void): unknown
  exit(code: number): void
}

/** The HTTP server a request came in by; Node sets it on every accepted socket, its types do not say so. */
interface ListeningServer {
  close(): unknown
  closeIdleConnections(): void
}

/**
 * Replaces: on SIGTERM the framework ends the process at once and cuts whatever is held. At the first request this puts
 * a drain in the place of its listener: stop accepting, finish and answer what is held, then exit.
 */
export function createDrain(process: DrainProcess, clock: Clock, limitMs: number = DRAIN_LIMIT_MS): Drain {
  let held = 0
  let endsAtMs = Number.POSITIVE_INFINITY
  let installed = false
  let cancelLimit = () => {}

  function install(server: ListeningServer | undefined): void {
    installed = true
    process.removeAllListeners('SIGTERM')
    process.once('SIGTERM', () => {
      endsAtMs = clock.now() + limitMs
      server?.close()
      server?.closeIdleConnections()
      cancelLimit = clock.after(limitMs, () => process.exit(0))
      exitWhenIdle()
    })
  }

  function isDraining(): boolean {
    return endsAtMs < Number.POSITIVE_INFINITY
  }

  function exitWhenIdle(): void {
    if (!isDraining() || held > 0) return
    cancelLimit()
    // A moment later, so that the last answer has left the socket's buffer.
    clock.after(20, () => process.exit(0))
  }

  return {
    begin(request, response) {
      if (!installed) install(serverOf(request))
      if (isDraining()) return false
      held += 1
      response.on('close', () => {
        held -= 1
        exitWhenIdle()
      })
      return true
    },
    timeLeftMs: () => Math.max(0, endsAtMs - clock.now()),
  }
}

function serverOf(request: IncomingMessage): ListeningServer | undefined {
  const socket: { server?: unknown } = request.socket as { server?: unknown }
  const server = socket.server
  return isServer(server) ? server : undefined
}

function isServer(value: unknown): value is ListeningServer {
  return typeof value === 'object' && value !== null && 'close' in value && 'closeIdleConnections' in value
}
