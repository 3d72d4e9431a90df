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
  const { child, ended } = cio.start(['publish', 'track', '--file', file, '--rate', '0.1'])
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

it('a message that is valid for a while says until when', async () => {
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const line = '{"identifiers":{"id":"ada"},"name":"lasts an hour"}'
  const beforeMs = Date.now()
  await cio.json(['publish', 'track', line, '--valid-for', '1h'])
  const waiting = stack.pubsub.backlog(`projects/${stack.endpoints.projectId}/subscriptions/track`)
  const seconds = Number(waiting.at(-1)?.message.attributes.expires_at)
  expect(seconds).toBeGreaterThanOrEqual(beforeMs / 1_000 + 3_600)
  expect(seconds).toBeLessThanOrEqual(Math.ceil(Date.now() / 1_000) + 3_600)
  expect(await cio.run(['publish', 'track', line, '--valid-for', 'soon'])).toMatchObject({ code: 2 })
})

it('updates of people in bulk say whether they create somebody, or are not published', async () => {
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const file = join(directory, 'people.ndjson')
  const lines = [
    { identifiers: { id: 'ada' }, attributes: { plan: 'pro' } },
    { identifiers: { id: 'bob' } },
    { identifiers: { id: 'eve' }, attributes: { _update: true, plan: 'pro' } },
    { action: 'add_device', identifiers: { id: 'ada' }, device: { token: 't', platform: 'ios' } },
  ]
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  const bulk = () => stack.pubsub.backlog(`projects/${stack.endpoints.projectId}/subscriptions/identify-bulk`)
  /** Of the updates, by person. */
  const updates = () => {
    const bodies = bulk().map(({ message }) => JSON.parse(Buffer.from(message.data).toString()))
    return Map.groupBy(bodies, ({ action, identifiers }): string => `${action} ${identifiers.id}`)
  }
  const attributesOf = (name: string) =>
    updates()
      .get(name)
      ?.map(({ attributes }) => attributes)

  expect(await cio.run(['publish', 'identify', '--file', file])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/2 updates of people may create them.*--update-only.*--create/s),
  })
  expect(await cio.run(['publish', 'identify', '--file', file, '--create', '--update-only'])).toMatchObject({ code: 2 })
  expect(bulk()).toEqual([])

  await cio.json(['publish', 'identify', '--file', file, '--update-only'])
  expect(attributesOf('identify ada')).toEqual([{ plan: 'pro', _update: true }])
  expect(attributesOf('identify bob')).toEqual([{ _update: true }])
  expect(attributesOf('identify eve')).toEqual([{ plan: 'pro', _update: true }])
  expect(attributesOf('add_device ada')).toEqual([undefined])
  await cio.json(['publish', 'identify', '--file', file, '--create'])
  expect(attributesOf('identify ada')).toEqual([{ plan: 'pro', _update: true }, { plan: 'pro' }])
  // The order of a person's live messages holds: an urgent one cannot be overtaken by a delete.
  expect(await cio.run(['publish', 'identify', '--file', file, '--lane', 'urgent'])).toMatchObject({ code: 0 })
})
