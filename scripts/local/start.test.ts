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
import { startStack } from './stack.ts'

const run = promisify(execFile)
const START = ['scripts/local/start.ts']

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

it('refuses what it does not know', async () => {
  await expect(run(process.execPath, [...START, '--port', 'pubsub'], { cwd: PROJECT_ROOT })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('expected NAME=PORT, for example --port pubsub=0'),
  })
})

it('refuses a port of what there is not', async () => {
  await expect(startStack({ ports: { pubsbu: 0 } })).rejects.toThrow(
    /pubsbu.*these have: all, pubsub, firestore, .*identify, track/,
  )
})

it.each([
  ['customerio', (port: number) => `in use 127.0.0.1:${port}`],
  // Before it is started: its own refusal comes after everything else has started.
  ['identify', (port: number) => `function identify: port ${port} is already in use`],
])('says so when the port of %s is taken', async (name, words) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const started = startStack({
    ...{ ports: { all: 0, [name]: port }, functions: ['identify'], announce: false },
    directory: join(PROJECT_ROOT, '.local', `test-taken-${name}`),
  })
  await expect(started).rejects.toThrow(words(port))
  other.close()
})

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
