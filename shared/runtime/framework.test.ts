import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { freePort } from '../../scripts/emulators/ports.ts'

/**
 * What the functions framework does by itself, and this folder replaces. A test that fails here says that the framework has
 * changed: read its release notes, and take the part away if it is not needed any more.
 */

let framework: ChildProcess
let url: string
let output = ''
const writes = new EventEmitter()

beforeAll(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/`
  const main = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')), 'main.js')
  const source = join(import.meta.dirname, 'testing', 'plain-function.ts')
  framework = spawn(process.execPath, [main, '--target=plain', `--source=${source}`, `--port=${port}`], {
    env: { PATH: process.env.PATH, LOG_EXECUTION_ID: 'true' },
  })
  for (const stream of [framework.stdout, framework.stderr])
    stream?.on('data', (chunk) => {
      output += chunk
      writes.emit('write')
    })
  await written('URL:')
})
afterAll(() => void framework.kill('SIGKILL'))

/** Resolves once the function has written this text. */
async function written(text: string): Promise<void> {
  while (!output.includes(text)) await once(writes, 'write')
}

const post = (body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })

it('runs each request in a domain (domains.ts)', async () => {
  const answer = await post('{"task":"tell its domain"}')
  expect(await answer.json()).toEqual({ inDomain: true })
})

it('takes two lines that are written at once for one text of the request (line-buffer.ts)', async () => {
  await post('{"task":"write two lines"}')
  await written('second')
  const lines = output.split('\n').filter((line) => line.includes('second'))
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ message: '{"first":1}\n{"second":2}\n' }])
})

it('answers malformed JSON before the function is called, and logs a part of it (unread-body.ts)', async () => {
  const answer = await post('{"email":"ann@example.com" oops}')
  expect(answer.status).toBe(400)
  await written('SyntaxError')
  expect(output).toContain('ann@example.com')
})

it('inflates a compressed body, however large it becomes (unread-body.ts)', async () => {
  const bomb = Buffer.from(gzipSync(JSON.stringify({ text: 'x'.repeat(1_000_000) })))
  const answer = await post(bomb, { 'content-encoding': 'gzip' })
  expect(await answer.json()).toEqual({ received: 'object' })
})

it('answers some paths by itself (unread-body.ts)', async () => {
  expect((await fetch(`${url}robots.txt`, { method: 'POST' })).status).toBe(404)
})

// The last one: it ends the process.
it('cuts what it holds when SIGTERM comes (drain.ts)', async () => {
  const held = post('{"task":"hold"}')
  await written('holding')
  framework.kill('SIGTERM')
  await expect(
    held.then(
      ({ status }) => (status === 204 ? 'answered' : 'cut'),
      () => 'cut',
    ),
  ).resolves.toBe('cut')
})
