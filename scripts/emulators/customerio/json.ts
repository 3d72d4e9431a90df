export { isObject, type JsonObject } from '../json.ts'

/** The JSON value in a body, or undefined when it holds none. An empty body counts as `{}`, as the SDK's calls without data send it. */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

export function bytesOf(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}
