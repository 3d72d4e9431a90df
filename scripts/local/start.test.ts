import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isListening } from '../emulators/ports.ts'
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
  expect(stdout).toContain('The probe found 9 links intact.')
  // Nothing goes wrong in the sample that these two would show.
  const empty = ['unsettled_sends', 'sends_without_outcome']
  for (const view of Object.keys(readTopology().bigquery.views).filter((name) => !empty.includes(name)))
    expect(stdout).toMatch(new RegExp(`[1-9]\\d* +${view}`))
  const [, opened = '', settled = ''] = stdout.split('The journey of a send that was ')
  expect(opened).toMatch(/published to transactional.*ledger +sent, as delivery.*accepted by Customer\.io.*\bopened\n/s)
  expect(opened).toMatch(/\n {2}accepted by Customer\.io; then sent, delivered, opened\n/)
  expect(settled).toMatch(
    /no complete answer.*reason uncertain.*published again to transactional.*an operator settled it as not sent.*accepted by/s,
  )
  // It would point at a stack that is no more.
  expect(existsSync(join(PROJECT_ROOT, '.local/test/endpoints.json'))).toBe(false)
}, 90_000)

describe('--exec', () => {
  it("runs a command with the stack's variables, ends with its exit code, and leaves the logs of what has failed", async () => {
    const publish = `npx cio-gcp publish identify '{"identifiers":{"id":"ada"}}' --local`
    const ask = (what: string) => `curl -sf ${what.replace('/', '$CIO_GCP_PIPELINE/')}`
    const command = `${publish} && ${ask('-X POST /settled')} && ${ask('/received')} && exit 7`
    const failed = await run(process.execPath, [...START, '--exec', command], { cwd: PROJECT_ROOT }).catch(
      (error) => error,
    )
    expect(failed).toMatchObject({
      code: 7,
      stdout: expect.stringMatching(/published to identify.*"kind":"identify"/s),
    })
    const [, directory = ''] = /logs of the functions: (.*exec-.*)\/logs/.exec(failed.stderr) ?? []
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(['logs']))
    expect(readdirSync(directory)).not.toContain('endpoints.json')
    rmSync(directory, { recursive: true })
  }, 90_000)

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'leaves no address and no function behind when it ends by %s',
    async (signal) => {
      const directory = '.local/test-exec'
      const child = spawn(
        process.execPath,
        [...START, '--directory', directory, '--exec', 'echo "here: $PUBSUB_EMULATOR_HOST $$"; exec sleep 600'],
        {
          cwd: PROJECT_ROOT,
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      )
      const [line] = await once(child.stdout, 'data')
      const [, port, command] = /here: .*:(\d+) (\d+)/.exec(String(line)) ?? []
      const running = functionsOf(child.pid)
      expect(running).toHaveLength(Object.keys(readTopology().functions).length)
      child.kill(signal)
      const [code] = await once(child, 'exit')
      expect(code).toBe(signal === 'SIGTERM' ? 143 : null)
      await expect(isListening(Number(port))).resolves.toBe(false)
      for (const pid of running) await ended(pid)
      // Nobody can tell a command whose parent was killed; one that was asked to end has ended.
      if (signal === 'SIGKILL') process.kill(Number(command))
      await ended(Number(command))
      expect(existsSync(join(PROJECT_ROOT, directory, 'endpoints.json'))).toBe(false)
    },
    90_000,
  )
})

/** Processes of functions that a process has started. */
function functionsOf(parent: number | undefined): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => {
    const [, pid, ppid, args = ''] = /^ *(\d+) +(\d+) (.*)$/.exec(line) ?? []
    return Number(ppid) === parent && args.includes('functions-framework') ? [Number(pid)] : []
  })
}

/** Resolves when there is no such process. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await delay(20)
  }
}

it('explains itself, and refuses what it does not know', async () => {
  const { stdout } = await run(process.execPath, [...START, '--help'], { cwd: PROJECT_ROOT })
  expect(stdout).toContain('--once')
  await expect(run(process.execPath, [...START, '--port', 'pubsub'], { cwd: PROJECT_ROOT })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('expected NAME=PORT, for example --port pubsub=0'),
  })
  await expect(run(process.execPath, [...START, '--port', 'pubsbu=0'], { cwd: PROJECT_ROOT })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/pubsbu.*these have: all, pubsub, firestore, .*identify, track/),
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
