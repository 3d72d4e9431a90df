import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-publish-test')
let stack: Stack

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
})
afterAll(() => stack?.close())

const outstanding = (name: string) =>
  stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding

it('stopped half-way says under which keys to go on, and goes on under those', async () => {
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const file = join(directory, 'events.ndjson')
  writeFileSync(file, '{"identifiers":{"id":"ada"},"name":"x"}\n'.repeat(4))
  const { child, ended } = cio.start(['publish', 'track', '--file', file, '--rate', '1'])
  await once(stack.pubsub.events, 'published')
  child.kill('SIGINT')
  const stopped = await ended
  expect(stopped).toMatchObject({ code: 3, stderr: expect.stringMatching(/stopped after 1 of 4 messages/) })
  expect(stopped.stderr).toContain('Done before that: 1 message published.')
  const [, key = ''] = /Run it again with --key (\S+):/.exec(stopped.stderr) ?? []
  expect(stopped.stderr).toContain(`if this is interrupted, run it again with --key ${key}\n`)
  expect(await cio.json(['publish', 'track', '--file', file, '--key', key])).toMatchObject({
    published: [1, 2, 3, 4].map((line) => ({ key: `${key}:${line}` })),
  })
  // What was published before the stop, and all four again.
  expect(outstanding('track-bulk')).toBe(5)
})

it('a file holds up nobody: it goes through the bulk lane unless told otherwise', async () => {
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const file = join(directory, 'one.ndjson')
  const line = '{"identifiers":{"id":"ada"},"name":"x"}'
  writeFileSync(file, line)
  const [urgent, bulk] = [outstanding('track'), outstanding('track-bulk')]
  await cio.json(['publish', 'track', '--file', file])
  await cio.json(['publish', 'track', line, '--lane', 'bulk'])
  expect([outstanding('track'), outstanding('track-bulk')]).toEqual([urgent, bulk + 2])
  await cio.json(['publish', 'track', line])
  await cio.json(['publish', 'track', '--file', file, '--lane', 'urgent'])
  expect([outstanding('track'), outstanding('track-bulk')]).toEqual([urgent + 2, bulk + 2])
})
