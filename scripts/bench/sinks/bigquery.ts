import { once } from 'node:events'
import { createServer } from 'node:http'
import { serveBench } from '../lab/child.ts'
import { latencyOptions } from './options.ts'

/** Takes `tabledata.insertAll`, counts the rows and keeps nothing. */
const { latencyMs } = latencyOptions.parse(JSON.parse(process.argv[2] ?? '{}'))
const ROW = Buffer.from('"insertId":')
const ANSWER = JSON.stringify({ kind: 'bigquery#tableDataInsertAllResponse' })
let requests = 0
let items = 0

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    requests++
    items += countOf(ROW, Buffer.concat(chunks))
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER)
    }, latencyMs)
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('not listening on a port')

await serveBench({ port: address.port }, async () => ({ requests, items }))

function countOf(needle: Buffer, body: Buffer): number {
  let count = 0
  for (let at = body.indexOf(needle); at >= 0; at = body.indexOf(needle, at + needle.length)) count++
  return count
}
