import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { DRAIN_LIMIT_MS } from '../config/index.ts'

/** Counts what a function holds, and on SIGTERM finishes it before the process ends. */
export interface Drain {
  /** Counts a request in until its response is closed. False when the function is shutting down and takes no more. */
  begin(request: IncomingMessage, response: ServerResponse): boolean
  /** Whether SIGTERM has come. What must not be cut off, and may last as long as a shutdown, is not begun any more. */
  isDraining(): boolean
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
  let draining = false
  let installed = false
  let cancelLimit = () => {}

  function install(server: ListeningServer | undefined): void {
    installed = true
    process.removeAllListeners('SIGTERM')
    process.once('SIGTERM', () => {
      draining = true
      server?.close()
      server?.closeIdleConnections()
      cancelLimit = clock.after(limitMs, () => process.exit(0))
      exitWhenIdle()
    })
  }

  function exitWhenIdle(): void {
    if (!draining || held > 0) return
    cancelLimit()
    // A moment later, so that the last answer has left the socket's buffer.
    clock.after(20, () => process.exit(0))
  }

  return {
    begin(request, response) {
      if (!installed) install(serverOf(request))
      if (draining) return false
      held += 1
      response.once('close', () => {
        held -= 1
        exitWhenIdle()
      })
      return true
    },
    isDraining: () => draining,
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
