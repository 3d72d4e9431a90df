import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'
import { Journal } from './journal.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-replay-test')
const opened = join(directory, 'opened')
const editor = join(directory, 'editor.sh')
let stack: Stack
let cio: CommandLine

// The stores only: what is replayed stays in its topic.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  writeFileSync(editor, `#!/bin/sh\necho once >> '${opened}'\n`, { mode: 0o755 })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')], { VISUAL: editor, EDITOR: editor })
})
afterAll(() => stack?.close())

beforeEach(() => rmSync(opened, { force: true }))
afterEach(() => stack.client.subscription('track-dead-letter').seek(new Date(Date.now() + 60_000)))

const timesOpened = () => (existsSync(opened) ? readFileSync(opened, 'utf8').trim().split('\n').length : 0)

async function publishDeadLetters(...bodies: readonly object[]): Promise<void> {
  const topic = stack.client.topic('track-dead-letter')
  const attributes = { reason: 'exhausted', error: 'answer 503' }
  for (const [index, body] of bodies.entries()) {
    const data = Buffer.from(JSON.stringify(body))
    await topic.publishMessage({ data, attributes: { ...attributes, source_message_id: `${index}` } })
  }
}
const EVENT = { identifiers: { id: 'ada' }, name: 'x' }

describe('--edit', () => {
  it('opens no more messages than are replayed, and none to look only', async () => {
    await publishDeadLetters(EVENT, EVENT, EVENT)
    const dry = await cio.run(['dlq', 'replay', 'track', '--edit', '--dry-run', '--limit', '2'])
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^track: 2 messages would be replayed\n {2}0 {2}exhausted\n {2}1 {2}exhausted\n$/),
    })
    expect(timesOpened()).toBe(0)
    const one = await cio.run(['dlq', 'replay', 'track', '--edit', '--limit', '1', '--yes'])
    expect(one).toMatchObject({ code: 0, stdout: 'track: 1 message replayed\n' })
    expect(timesOpened()).toBe(1)
  })

  it('is not asked forever by an editor that changes nothing', async () => {
    await publishDeadLetters({ identifiers: { id: 'ada' }, nam: 'x' })
    const ended = await cio.run(['dlq', 'replay', 'track', '--edit', '--yes'])
    expect(ended).toMatchObject({ code: 3, stderr: expect.stringContaining('the edit changed nothing') })
    expect(timesOpened()).toBe(1)
  })
})

it('stopped while it takes up a run that was killed, forgets nothing of that run', async () => {
  const path = join(directory, 'cio', 'replay-track.ndjson')
  const journal = new Journal(path)
  // No process has this number.
  journal.begin(2 ** 30, Date.now())
  journal.pulled([{ messageId: '1', ackId: 'gone' }])
  journal.replayed('1')
  journal.pullBegins(Date.now() + 60_000)
  const { child, ended } = cio.start(['dlq', 'replay', 'track', '--yes'])
  child.stderr?.on('data', (chunk: Buffer) => {
    if (chunk.includes('it was killed during a pull')) child.kill('SIGHUP')
  })
  expect(await ended).toMatchObject({ code: 3, stderr: expect.stringContaining('stopping') })
  expect(journal.read()?.replayed).toEqual(new Set(['1']))
  rmSync(path)
})

it('comes to its end without a word when nobody reads what it says', async () => {
  await publishDeadLetters(EVENT)
  const { child, ended } = cio.start(['dlq', 'replay', 'track', '--yes'])
  child.stdout?.destroy()
  child.stderr?.destroy()
  expect(await ended).toMatchObject({ code: 0 })
  const left = await cio.run(['dlq', 'stats', 'track'])
  expect(left.stdout).toBe('no dead letters\n')
})
