import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type PubSubServer, startPubSub } from '../../emulators/pubsub/index.ts'
import { answering, startRecordingServer } from '../../testing/recording-server.ts'
import { commandLine } from '../testing/command-line.ts'
import { lineOf } from './entry.ts'
import { LogFile } from './files.ts'

const directory = mkdtempSync(join(tmpdir(), 'cio-logs-'))
const folder = join(directory, 'logs')
const recent = (agoMs = 0) => new Date(Date.now() - agoMs).toISOString()
const line = (severity: string, message: string, agoMs = 0, more: object = {}) =>
  `${JSON.stringify({ severity, time: recent(agoMs), message, ...more })}\n`

type RecordingServer = Awaited<ReturnType<typeof startRecordingServer>>
let server: RecordingServer
let pubsub: PubSubServer

beforeAll(async () => {
  ;[server, pubsub] = await Promise.all([startRecordingServer(), startPubSub({ port: 0 })])
  mkdirSync(folder)
  const endpoints = {
    ...{ projectId: 'p', PUBSUB_EMULATOR_HOST: pubsub.host, FIRESTORE_EMULATOR_HOST: '127.0.0.1:1' },
    ...{ BIGQUERY_EMULATOR_HOST: 'http://127.0.0.1:1', CUSTOMERIO_TRACK_URL: server.url },
    ...{ CUSTOMERIO_APP_URL: server.url, functions: {}, secrets: join(directory, 'secrets'), logs: folder },
  }
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify(endpoints))
})
beforeEach(() => rmSync(join(folder, 'webhook.log'), { force: true }))
afterAll(async () => {
  await Promise.all([server.close(), pubsub.close()])
  rmSync(directory, { recursive: true })
})

const local = () => commandLine(['--endpoints', join(directory, 'endpoints.json')])
const deployment = () =>
  commandLine(['--project', 'acme-prod', '--region', 'us', '--name-prefix', 'shop-'], {
    PUBSUB_EMULATOR_HOST: pubsub.host,
    GOOGLE_APIS_EMULATOR_HOST: new URL(server.url).host,
    CIO_STATE_DIR: join(directory, 'state'),
  })

it('prints the lines of the local functions together, the oldest first, and words that are no JSON', async () => {
  writeFileSync(join(folder, 'track.log'), line('INFO', 'second', 2_000, { attempt: 2, reason: 'a b' }))
  writeFileSync(join(folder, 'webhook.log'), `${line('WARNING', 'first', 3_000)}TypeError: no\n`)
  const { stdout } = await local().run(['logs'])
  const [first, second, third] = stdout.split('\n')
  expect(first).toMatch(/^20\S+Z {2}WARNING {2}webhook {8}first$/)
  expect(second).toMatch(/Z {2}INFO {5}track {10}second {2}attempt=2 {2}reason="a b"$/)
  expect(third).toMatch(/webhook +TypeError: no$/)
})

it('shows the functions, the severity, the time and the number that are asked for', async () => {
  const lines = [
    line('ERROR', 'long ago', 7_200_000),
    line('ERROR', 'bad', 3_000),
    line('INFO', 'good'),
    line('WARNING', 'odd'),
  ]
  writeFileSync(join(folder, 'track.log'), lines.join(''))
  writeFileSync(join(folder, 'webhook.log'), line('ERROR', 'of another'))
  const shown = async (...args: string[]) => {
    const entries = (await local().json(['logs', 'track', ...args])) as { jsonPayload: { message: string } }[]
    return entries.map(({ jsonPayload }) => jsonPayload.message)
  }
  expect(await shown('--severity', 'warning')).toEqual(['bad', 'odd'])
  expect(await shown('--since', '3h')).toEqual(['long ago', 'bad', 'good', 'odd'])
  expect(await shown('--limit', '1')).toEqual(['odd'])
})

it('names the functions there are when it knows none of this name', async () => {
  await expect(local().run(['logs', 'webhok'])).resolves.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no function webhok; there are: .*webhook/),
  })
})

it('follows: what comes is printed once, a line only when it has ended', async () => {
  writeFileSync(join(folder, 'webhook.log'), line('INFO', 'before'))
  const { child, ended } = local().start(['logs', 'webhook', '--follow', '--json'])
  const printed: string[] = []
  child.stdout?.on('data', (chunk: Buffer) => printed.push(...chunk.toString().trim().split('\n')))
  const saw = async (number: number) => {
    while (printed.length < number) await delay(20)
  }
  await saw(1)
  const whole = line('INFO', 'cut in two')
  appendFileSync(join(folder, 'webhook.log'), whole.slice(0, 20))
  appendFileSync(join(folder, 'webhook.log'), `${whole.slice(20)}${line('INFO', 'after')}`)
  await saw(3)
  child.kill('SIGINT')
  await ended
  expect(printed.map((each) => JSON.parse(each).jsonPayload.message)).toEqual(['before', 'cut in two', 'after'])
})

it('reads a line only when its line feed has come', async () => {
  const file = new LogFile(folder, 'webhook')
  expect(await file.read(0)).toEqual([])
  const whole = Buffer.from(line('INFO', 'grüße'))
  for (const byte of whole.subarray(0, -1)) {
    appendFileSync(join(folder, 'webhook.log'), Buffer.from([byte]))
    expect(await file.read(0)).toEqual([])
  }
  appendFileSync(join(folder, 'webhook.log'), '\n')
  expect(await file.read(0)).toMatchObject([{ jsonPayload: { message: 'grüße' } }])
})

it('of a deployment, says what it will read, and asks Cloud Logging for that', async () => {
  const labels = { service_name: 'shop-webhook' }
  const entry = { timestamp: recent(), insertId: 'a', severity: 'ERROR', resource: { labels }, textPayload: 'crashed' }
  server.answerWith(answering(200, { entries: [entry, { ...entry, timestamp: recent(1_000), insertId: 'b' }] }))
  const { code, stdout, stderr } = await deployment().run(['logs', 'webhook', '--severity', 'ERROR', '--since', '15m'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/ERROR +webhook +crashed\n.*crashed\n$/) })
  expect(stderr).toContain('reads the newest 200 entries of Cloud Logging, of the last 15 min')
  expect(server.requests.at(-1)).toMatchObject({
    path: '/logging.googleapis.com/v2/entries:list',
    body: {
      ...{ resourceNames: ['projects/acme-prod'], orderBy: 'timestamp desc', pageSize: 200 },
      filter: expect.stringMatching(
        /service_name=\("shop-webhook"\) AND \(severity>=ERROR OR severity=DEFAULT\) AND timestamp>="/,
      ),
    },
  })
})

it('shows a request without a payload by its status, and no control characters', () => {
  const entry = { insertId: '', timestamp: 't', severity: 'WARNING', resource: { labels: { service_name: 'x' } } }
  expect(lineOf({ ...entry, httpRequest: { status: 429, requestMethod: 'POST' } }, 'webhook')).toContain('POST 429')
  expect(lineOf({ ...entry, textPayload: 'a\u001b[2Jb' }, 'webhook')).toContain('a\\x1b[2Jb')
})
