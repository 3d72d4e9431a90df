import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, relative } from 'node:path'
import { manualClock } from '../../shared/clock/testing/manual-clock.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { awaitProbe, type Round, readRounds, roundsFromLog } from './await-probe.ts'

const MINUTE_MS = 60_000

/** Lets the probe run in virtual time, a round a minute long every five minutes. Tells how it ended, and when. */
async function watched(outcome: (round: number) => Round['broken'] | 'good' | 'none', rounds = 3) {
  const clock = manualClock()
  const said: string[] = []
  const all = Array.from({ length: 20 }, (_, index) => {
    const startedAt = -MINUTE_MS / 2 + index * 5 * MINUTE_MS
    return { startedAt, endedAt: startedAt + MINUTE_MS, ended: outcome(index) }
  })
  let end: string | undefined
  const waiting = awaitProbe({
    rounds,
    clock,
    async roundsSince(sinceMs) {
      return all
        .filter(({ endedAt, ended }) => endedAt > sinceMs && endedAt <= clock.now() && ended !== 'none')
        .map(({ startedAt, ended }) => ({ startedAt, ok: ended === 'good', broken: ended }))
    },
    say: (line) => said.push(line),
  }).then(
    () => (end = 'good'),
    (error: unknown) => (end = String(error)),
  )
  while (end === undefined) {
    clock.advance(MINUTE_MS / 2)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await waiting
  return { end, said, minutes: clock.now() / MINUTE_MS }
}

it('goes on after as many good rounds as it was told, all of them of what was applied', async () => {
  // The round that began before the apply ended is not one of the three.
  const { end, said, minutes } = await watched(() => 'good')
  expect({ end, said }).toEqual({ end: 'good', said: [1, 2, 3].map((round) => `round ${round} of 3 was good`) })
  expect(minutes).toBe(15.5)
})

it('does not mind a broken round that began before the apply ended', async () => {
  expect((await watched((round) => (round === 0 ? 'webhook' : 'good'))).end).toBe('good')
})

it('stops at the first broken round, and says which link', async () => {
  const { end, said } = await watched((round) => (round === 2 ? 'webhook_url' : 'good'))
  expect(end).toBe('Error: the probe found broken: webhook_url. The next stage was not begun')
  expect(said).toEqual(['round 1 of 3 was good'])
})

it('does not take silence for a good sign', async () => {
  const { end, minutes } = await watched(() => 'none')
  expect(end).toBe('Error: only 0 of 3 rounds of the probe ended within 25 minutes: does its schedule run?')
  expect(minutes).toBeCloseTo(25, 0)
})

it('reads rounds, and nothing else, from what Cloud Logging answers', () => {
  const line = (jsonPayload: unknown) => ({ timestamp: '2026-11-26T03:01:00Z', jsonPayload })
  expect(
    readRounds({
      entries: [
        line({ event: 'probe_round', ok: true, latency_ms: 60_000 }),
        line({ event: 'probe_round', ok: false, latency_ms: 1_000, reason: 'webhook,warehouse' }),
        line({ event: 'probe_round', ok: 'true', latency_ms: 1_000 }),
        { textPayload: 'no JSON' },
      ],
    }),
  ).toEqual([
    { startedAt: Date.parse('2026-11-26T03:00:00Z'), ok: true, broken: 'it does not say what' },
    { startedAt: Date.parse('2026-11-26T03:00:59Z'), ok: false, broken: 'webhook,warehouse' },
  ])
  expect([undefined, {}, { entries: 'none' }].map(readRounds)).toEqual([[], [], []])
})

it('asks Cloud Logging for rounds since a time, as the account, and says which role is missing', async () => {
  const asked: unknown[] = []
  let status = 200
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      asked.push({ url: request.url, authorization: request.headers.authorization, body: JSON.parse(body) })
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const roundsSince = roundsFromLog({ project: 'acme', namePrefix: 'uk-', token: 't', fetch, url })
  expect(await roundsSince(0)).toEqual([])
  expect(asked).toEqual([
    {
      url: '/v2/entries:list',
      authorization: 'Bearer t',
      body: {
        resourceNames: ['projects/acme'],
        filter:
          'resource.type="cloud_run_revision" AND resource.labels.service_name="uk-probe" AND jsonPayload.event="probe_round" AND timestamp>="1970-01-01T00:00:00.000Z"',
        orderBy: 'timestamp asc',
        pageSize: 100,
      },
    },
  ])
  status = 403
  await expect(roundsSince(0)).rejects.toThrow(
    'Cloud Logging answered 403: the account needs roles/logging.viewer in acme',
  )
  server.closeAllConnections()
  server.close()
})

it('runs where nothing was installed: it imports no package', () => {
  const seen = new Set<string>()
  const packages: string[] = []
  const visit = (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, type, from = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (type )?.*? from '([^']+)'/gm,
    )) {
      if (type !== undefined) continue
      if (from.startsWith('.')) visit(join(dirname(file), from))
      else if (!from.startsWith('node:')) packages.push(`${relative(PROJECT_ROOT, file)}: ${from}`)
    }
  }
  visit(join(import.meta.dirname, 'await-probe.ts'))
  expect(packages).toEqual([])
  expect(seen.size).toBeGreaterThan(2)
})
