import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

/** An HTTP server that keeps every request and answers as it is told, 200 `{}` by default. */
export async function startRecordingServer() {
  const requests: RecordedRequest[] = []
  const answers: ((response: ServerResponse, request: RecordedRequest) => void)[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const recorded: RecordedRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    requests.push(recorded)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer === undefined) response.writeHead(200, { 'content-type': 'application/json' }).end('{}\n')
    else answer(response, recorded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const url = `http://127.0.0.1:${address.port}`
  return {
    url,
    requests,
    /** Answers to come, in order; the last one stays. */
    answerWith(...next: ((response: ServerResponse, request: RecordedRequest) => void)[]) {
      answers.splice(0, answers.length, ...next)
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** An answer of a status, a body (JSON unless it is a string) and headers. */
export function answering(status: number, body: unknown = {}, headers: Record<string, string> = {}) {
  return (response: ServerResponse) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }
}
