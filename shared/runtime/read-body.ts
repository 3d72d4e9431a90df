import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { type BodyHold, BodyMemory, type BodyMemoryOptions } from './body-memory.ts'

/** A body in memory. */
export interface Body {
  readonly bytes: Buffer
  /** To be released once nothing of the body is held any more: what it takes is counted until then. */
  readonly hold: Pick<BodyHold, 'take' | 'release'>
}

/**
 * - `no_room`: the bodies that are held leave no memory for this one; it may be sent again
 * - `too_large`: it is larger than any that is taken
 * - `too_slow`: it was still being sent when its time was over
 * - `aborted`: the sender went away; nobody waits for an answer
 */
export type UnreadReason = 'no_room' | 'too_large' | 'too_slow' | 'aborted'

export interface BodyReaderOptions extends BodyMemoryOptions {
  readonly clock: Clock
  /**
   * Whether memory for all of a body is taken as soon as its length is known. For senders that we know: of a stranger,
   * it would let a few connections that send nothing take all there is.
   */
  readonly reservesAhead: boolean
}

/** Reads bodies that the framework has left unread, at most so much of them at a time as the memory allows. */
export interface BodyReader {
  /** @param timeoutMs how long the body may take to arrive */
  read(request: IncomingMessage, timeoutMs: number): Promise<Body | UnreadReason>
}

export function createBodyReader({ clock, reservesAhead, ...options }: BodyReaderOptions): BodyReader {
  const memory = new BodyMemory(options)

  /** Why not to begin. */
  function refusal(request: IncomingMessage, hold: BodyHold): UnreadReason | undefined {
    const bytes = declaredBytes(request)
    if (bytes > memory.maxBytes) return 'too_large'
    return reservesAhead && !hold.grow(bytes) ? 'no_room' : undefined
  }

  return {
    read(request, timeoutMs) {
      const hold = memory.hold()
      const refused = refusal(request, hold)
      if (refused !== undefined) return Promise.resolve(refused)
      return new Promise((resolve) => {
        const chunks: Buffer[] = []
        let bytes = 0
        let isOver = false
        const end = (outcome: Body | UnreadReason) => {
          isOver = true
          cancel()
          chunks.length = 0
          if (typeof outcome === 'string') hold.release()
          resolve(outcome)
        }
        const cancel = clock.after(timeoutMs, () => end('too_slow'))
        request.on('data', (chunk: Buffer) => {
          // The rest flows on, unread: an answer sent to someone who is still writing would be lost.
          if (isOver) return
          bytes += chunk.length
          if (bytes > memory.maxBytes) end('too_large')
          else if (!hold.grow(bytes)) end('no_room')
          else chunks.push(chunk)
        })
        request.on('end', () => {
          if (isOver) return
          // Most bodies come in one piece, which is nobody else's.
          const [first = Buffer.alloc(0)] = chunks
          end({ bytes: chunks.length <= 1 ? first : Buffer.concat(chunks), hold })
        })
        const aborted = () => {
          if (!isOver) end('aborted')
        }
        request.on('error', aborted)
        request.on('close', aborted)
      })
    },
  }
}

/** What `content-length` says; 0 without one, as in chunks. Node itself refuses a length that is no number, and holds the sender to it. */
function declaredBytes({ rawHeaders }: IncomingMessage): number {
  // Not `headers`: the length is hidden there from the framework's parsers.
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length')
  return at < 0 ? 0 : Number(rawHeaders[at + 1])
}
