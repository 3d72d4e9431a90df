import type { IncomingMessage } from 'node:http'
import { steadyClock } from '../../../shared/clock/index.ts'
import { MessagingPublisher } from '../../../shared/publisher/index.ts'
import { hostOf, type RequestHandler, register } from '../../../shared/runtime/index.ts'

/** A function that does what its sender asks for, to show what users of the functions framework rely on. */

async function bytesOf(request: IncomingMessage): Promise<number> {
  let bytes = 0
  for await (const chunk of request) bytes += chunk.length
  return bytes
}

const EVENT = { identifiers: { id: 'u1' }, name: 'seen' } as const

const handler: RequestHandler = (request, response) => {
  switch (request.headers.task) {
    case 'throw':
      throw new Error('thrown before the first await')
    case 'reject':
      return Promise.reject(new Error('rejected'))
    case 'fail later':
      setImmediate(() => {
        throw new Error('nobody catches this')
      })
      return
    case 'publish':
      // With a client of its own.
      return new MessagingPublisher().trackEvent(EVENT).then((id) => void response.end(id))
    case 'hold':
      console.log('holding')
      process.on('SIGTERM', () => response.end('held'))
      return
    default:
      return bytesOf(request).then((bytes) => void response.end(`${request.method} ${bytes}`))
  }
}

const config = { projectId: 'p', logLevel: 'INFO' } as const
register({ name: 'relied-upon', parseConfig: () => config, create: () => handler }, hostOf(process, steadyClock))
