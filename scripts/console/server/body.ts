import type { IncomingMessage } from 'node:http'
import { ConsoleError } from './area.ts'

/** Above the largest message that Pub/Sub takes (10 MB), which in JSON within JSON may be larger. */
export const LARGEST_BODY_BYTES = 16 * 1_048_576

/** The JSON of a POST. Throws a {@link ConsoleError} when it is too large, or none. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const tooLarge = () => new ConsoleError(`a request may have ${LARGEST_BODY_BYTES} bytes`, { status: 413 })
  if (Number(request.headers['content-length'] ?? 0) > LARGEST_BODY_BYTES) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > LARGEST_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new ConsoleError('the body is no JSON')
  }
}
