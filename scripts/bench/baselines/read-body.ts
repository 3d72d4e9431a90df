import { http } from '@google-cloud/functions-framework'

/** What a handler sees of any JSON object. */
type Body = Readonly<Record<string, unknown>>

http('read-body', (request, response) => {
  const body: Body = request.body
  response.status(typeof body === 'object' && request.rawBody !== undefined ? 204 : 400).end()
})
