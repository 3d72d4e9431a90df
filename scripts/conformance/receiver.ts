import { once } from 'node:events'
import { createServer } from 'node:http'

/** Takes webhooks, and notes with which time each attempt was signed. */
export interface Receiver extends AsyncDisposable {
  /** Where Customer.io reaches it, through a tunnel if need be. */
  readonly url: string
  readonly port: number
  /** From now on it refuses: the first webhook that comes, once. */
  refuseNext(): void
  /** The times by which the first attempt and its repetition were signed; undefined until both have come. */
  timesOfRetried(): { readonly first: string; readonly again: string } | undefined
}

/** Larger bodies are no webhooks. */
const MOST_BYTES = 1_000_000

/** @param url its public address; its own when it is left out */
export async function startReceiver(port: number, url?: string): Promise<Receiver> {
  /** By body, which a retry repeats to the byte. */
  const times = new Map<string, string[]>()
  let refused: string | undefined
  let refuses = false
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MOST_BYTES) request.destroy()
      else chunks.push(chunk)
    })
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const signedAt = request.headers['x-cio-timestamp']
      if (typeof signedAt !== 'string') return void response.writeHead(400).end()
      const known = times.get(body) ?? []
      times.set(body, [...known, signedAt])
      const isRefused = refuses
      if (isRefused) refused = body
      refuses = false
      response.writeHead(isRefused ? 503 : 200).end()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : port
  return {
    port: own,
    url: url ?? `http://127.0.0.1:${own}`,
    refuseNext() {
      refuses = true
    },
    timesOfRetried() {
      const [first, again] = refused === undefined ? [] : (times.get(refused) ?? [])
      return first === undefined || again === undefined ? undefined : { first, again }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
