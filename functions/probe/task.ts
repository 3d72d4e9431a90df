import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../shared/clock/index.ts'
import { BODY_TIMEOUT_MS } from '../../shared/config/index.ts'
import { unwrapPush } from '../../shared/delivery/index.ts'
import { createBodyReader } from '../../shared/runtime/index.ts'

/** A round through every link, or a refresh of the names. */
export type Task = 'round' | 'names'

/** More than a message of attributes only can have. */
const LARGEST_PUSH_BYTES = 1_000_000

/** Reads what a push asks for: `names` if its attribute `task` says so, and a round whatever else it is. Never rejects. */
export function createTaskReader(clock: Clock): (request: IncomingMessage) => Promise<Task> {
  const bodies = createBodyReader({
    maxBytes: LARGEST_PUSH_BYTES,
    // The function takes one request at a time.
    budgetBytes: 4 * LARGEST_PUSH_BYTES,
    memoryPerByte: 4,
    reservesAhead: false,
    clock,
  })
  return async (request) => {
    const body = await bodies.read(request, BODY_TIMEOUT_MS)
    if (typeof body === 'string') return 'round'
    const push = unwrapPush(body.bytes)
    body.hold.release()
    return push.ok && push.message.attributes.task === 'names' ? 'names' : 'round'
  }
}
