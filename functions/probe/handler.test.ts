import { once } from 'node:events'
import type { Server } from 'node:http'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { systemClock } from '../../shared/clock/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { leaveBodiesUnread } from '../../shared/runtime/index.ts'
import { createProbeHandler } from './handler.ts'
import { broken, intact, type LinkResult } from './link.ts'
import type { NamesResult } from './names.ts'
import { isSendLookDue, type SendCount } from './sends.ts'

let server: Server
let url: string
let lines: Record<string, unknown>[] = []
let runRound: () => Promise<readonly LinkResult[]> = async () => []
let countSends: () => Promise<readonly SendCount[]> = async () => []
/** Of a round that is not the first of its quarter of an hour, unless a test says otherwise. */
let nowMs = 0
const QUARTER_MS = 900_000
let refreshNames: () => Promise<NamesResult>

beforeAll(async () => {
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
  const log = createLog({ clock: systemClock, functionName: 'probe', destination })
  leaveBodiesUnread()
  http(
    'probe-under-test',
    createProbeHandler({
      runRound: () => runRound(),
      countSends: () => countSends(),
      refreshNames: () => refreshNames(),
      log,
      clock: { ...systemClock, now: () => nowMs },
    }),
  )
  server = getTestServer('probe-under-test')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  lines = []
  nowMs = QUARTER_MS + 300_000
  runRound = () => Promise.reject(new Error('a round was started'))
  refreshNames = () => Promise.reject(new Error('names were fetched'))
})

it('says what became of each link, once, and of the round, and acknowledges it although a link is broken', async () => {
  runRound = async () => [intact('topic_track', 12), broken('webhook_url', 34, 'no_public_way_in')]
  const response = await fetch(url, { method: 'POST', body: 'whatever it is' })
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({
    ok: false,
    latency_ms: expect.any(Number),
    links: [
      { link: 'topic_track', ok: true, latency_ms: 12 },
      { link: 'webhook_url', ok: false, latency_ms: 34, reason: 'no_public_way_in' },
    ],
  })
  expect(lines).toEqual([
    expect.objectContaining({ severity: 'INFO', event: 'probe', link: 'topic_track', ok: true, latency_ms: 12 }),
    expect.objectContaining({
      severity: 'WARNING',
      event: 'probe',
      link: 'webhook_url',
      ok: false,
      reason: 'no_public_way_in',
      message: expect.stringContaining('gcloud run services update webhook --no-invoker-iam-check'),
    }),
    expect.objectContaining({ severity: 'WARNING', event: 'probe_round', ok: false, reason: 'webhook_url' }),
  ])
})

it('says that a round found every link intact', async () => {
  runRound = async () => [intact('topic_track', 12)]
  expect(await (await fetch(url, { method: 'POST' })).json()).toMatchObject({ ok: true })
  expect(lines.at(-1)).toMatchObject({ severity: 'INFO', event: 'probe_round', ok: true })
})

it('is delivered again after an error that nobody thought of, of which the log has the name only', async () => {
  runRound = () => Promise.reject(new RangeError('words of a person'))
  expect((await fetch(url, { method: 'POST' })).status).toBe(503)
  expect(lines).toEqual([
    expect.objectContaining({ severity: 'ERROR', event: 'unexpected_error', error: 'RangeError' }),
  ])
  expect(JSON.stringify(lines)).not.toContain('words of a person')
})

describe('a message with the attribute task: names', () => {
  const push = (attributes: Record<string, unknown>) =>
    fetch(url, { method: 'POST', body: JSON.stringify({ message: { messageId: '1', attributes } }) })

  it.each<[string, NamesResult, Record<string, unknown>]>([
    [
      'that they are fetched',
      { ok: true, isFinished: true, rows: 9 },
      { severity: 'INFO', ok: true, rows: 9, message: 'the names are fetched' },
    ],
    [
      'that some are',
      { ok: true, isFinished: false, rows: 4 },
      { severity: 'INFO', ok: true, rows: 4, message: expect.stringContaining('in part') },
    ],
    [
      'why they are not',
      { ok: false, reason: 'http_401', rows: 0 },
      { severity: 'WARNING', ok: false, rows: 0, reason: 'http_401', message: expect.stringContaining('http_401') },
    ],
  ])('fetches names, says %s in one line, and is acknowledged', async (_, result, line) => {
    refreshNames = async () => result
    const response = await push({ task: 'names' })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: result.ok, rows: result.rows })
    expect(lines).toEqual([expect.objectContaining({ event: 'names', latency_ms: expect.any(Number), ...line })])
  })

  it.each([{}, { task: 'round' }, { task: 7 }, { tasks: 'names' }])(
    'is not one with the attributes %j',
    async (attributes) => {
      runRound = async () => []
      expect((await push(attributes)).status).toBe(200)
      expect(lines).toEqual([expect.objectContaining({ event: 'probe_round' })])
    },
  )

  it('is not one whose body is larger than attributes can be', async () => {
    runRound = async () => []
    expect((await push({ task: 'names', more: 'x'.repeat(1_000_000) })).status).toBe(200)
    expect(lines).toEqual([expect.objectContaining({ event: 'probe_round' })])
  })
})

it('starts no round for anything but a push', async () => {
  expect((await fetch(url)).status).toBe(405)
  expect(lines).toEqual([])
})

describe('sends that somebody has to look at', () => {
  beforeEach(() => {
    nowMs = QUARTER_MS
    runRound = async () => []
  })

  it('are counted in the first round of each quarter of an hour, a line per view', async () => {
    countSends = async () => [
      { view: 'unsettled_sends', rows: 3 },
      { view: 'sends_without_outcome', rows: 0 },
    ]
    expect((await fetch(url, { method: 'POST' })).status).toBe(200)
    expect(lines).toEqual([
      expect.objectContaining({
        severity: 'WARNING',
        event: 'probe_sends',
        table: 'unsettled_sends',
        rows: 3,
        ok: false,
      }),
      expect.objectContaining({
        severity: 'INFO',
        event: 'probe_sends',
        table: 'sends_without_outcome',
        rows: 0,
        ok: true,
      }),
      expect.objectContaining({ event: 'probe_round' }),
    ])
    lines = []
    nowMs += 300_000
    await fetch(url, { method: 'POST' })
    expect(lines).toEqual([expect.objectContaining({ event: 'probe_round' })])
  })

  it('are due in every third round of every five minutes, however late each comes', () => {
    for (const lateMs of [0, 20_000, 299_999]) {
      const due = Array.from({ length: 12 }, (_, round) => isSendLookDue(round * 300_000 + lateMs))
      expect(due.filter(Boolean)).toHaveLength(4)
    }
  })

  it('break no link where they cannot be counted, but are an error', async () => {
    countSends = async () => {
      throw Object.assign(new Error('Access Denied: eve@example.com'), { code: 403 })
    }
    const response = await fetch(url, { method: 'POST' })
    expect(await response.json()).toMatchObject({ ok: true })
    const [line] = lines
    expect(line).toMatchObject({ severity: 'ERROR', event: 'probe_sends', reason: 'http_403' })
    expect(JSON.stringify(line)).not.toContain('Denied')
  })
})
