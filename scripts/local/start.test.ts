import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { complaintAbout, type SampleResult } from './run-sample.ts'
import { complaintsAboutWarehouse } from './run-webhooks.ts'
import { SAMPLE } from './sample.ts'

const run = promisify(execFile)
const START = ['scripts/local/start.ts']

it('runs the whole pipeline once, finds everything as it should be, and exits with 0', async () => {
  const { stdout } = await run(
    process.execPath,
    [...START, '--once', '--port', 'all=0', '--directory', '.local/test'],
    {
      cwd: PROJECT_ROOT,
      env: { ...process.env, NO_COLOR: '1' },
    },
  )
  expect(stdout).toContain('Everything is as it should be.')
  expect(stdout).toMatch(/an e-mail with an attachment +delivered\n/)
  expect(stdout).toMatch(/an event while Customer\.io answers 503 +delivered {2}at attempt 2/)
  expect(stdout).toContain('contract: attributes.plan: 1203 bytes, at most 1000')
  for (const view of Object.keys(readTopology().bigquery.views))
    expect(stdout).toMatch(new RegExp(`[1-9]\\d* +${view}`))
  const endpoints = z
    .object({ PUBSUB_EMULATOR_HOST: z.string(), functions: z.record(z.string(), z.url()) })
    .parse(JSON.parse(readFileSync(join(PROJECT_ROOT, '.local/test/endpoints.json'), 'utf8')))
  expect(Object.keys(endpoints.functions)).toEqual(Object.keys(readTopology().functions))
}, 90_000)

it('explains itself, and refuses what it does not know', async () => {
  const { stdout } = await run(process.execPath, [...START, '--help'], { cwd: PROJECT_ROOT })
  expect(stdout).toContain('--once')
  await expect(run(process.execPath, [...START, '--port', 'pubsub'], { cwd: PROJECT_ROOT })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('expected NAME=PORT, for example --port pubsub=0'),
  })
})

it.each(['customerio', 'identify'])(
  'ends, and says so, when the port of %s is taken',
  async (name) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const taken = ['--port', 'all=0', '--port', `${name}=${port}`, '--directory', `.local/test-taken-${name}`]
    const ended = run(process.execPath, [...START, '--once', ...taken], { cwd: PROJECT_ROOT, timeout: 40_000 })
    await expect(ended).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`in use.*${port}|${port}.*in use`)),
    })
    other.close()
  },
  60_000,
)

describe('a sample that did not go as expected is noticed', () => {
  const sample = (outcome: string) => {
    const message = SAMPLE.find(({ expected }) => expected.outcome === outcome)
    if (message === undefined) throw new Error(`no sample is ${outcome}`)
    return message
  }
  const deadLetter = { reason: 'refused', error: 'no', data: Buffer.from('{}') }
  const result = (outcome: string, changes: Partial<SampleResult> = {}): SampleResult => ({
    message: sample(outcome),
    messageId: '1',
    attempts: 1,
    deadLetter: undefined,
    ...changes,
  })

  it.each<[SampleResult, RegExp]>([
    [result('delivered', { deadLetter }), /should have been delivered/],
    [result('retried'), /should have been retried/],
    [result('refused'), /should have been refused/],
    [result('refused', { deadLetter: { ...deadLetter, reason: 'contract' } }), /another reason/],
    [result('refused', { deadLetter: { ...deadLetter, error: 'refused by order' }, attempts: 2 }), /after 2 attempts/],
    [result('refused', { deadLetter: { ...deadLetter, error: 'refused by order' } }), /other bytes/],
  ])('%#', (what, complaint) => {
    expect(complaintAbout(what)).toMatch(complaint)
  })

  it('in the warehouse, too', () => {
    const contents = {
      sent: 3,
      failedTries: 1,
      stored: 2,
      tables: { webhook_events: 5 },
      views: { funnel: { rows: 0, first: [] } },
    }
    expect(complaintsAboutWarehouse(contents)).toEqual([
      '1 webhooks were not answered 2xx at once',
      '3 webhooks were sent, but 2 are in BigQuery',
      'the view funnel is empty',
    ])
  })
})
