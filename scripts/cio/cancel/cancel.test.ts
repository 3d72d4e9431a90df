import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { type CancelRule, rulesIn, textOf } from '../../../shared/cancel/index.ts'
import { type PubSubServer, startPubSub } from '../../emulators/pubsub/index.ts'
import { createTopology } from '../../local/create-topology.ts'
import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { fileSecrets } from '../secrets/files.ts'
import type { SecretStore } from '../secrets/store.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'
import { changeRules } from './rules.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const topology = readTopology()
const directory = join(PROJECT_ROOT, '.local', 'cio-cancel-test')
let server: PubSubServer
let pubsub: PubSub
let cio: CommandLine
let store: SecretStore

beforeEach(async () => {
  rmSync(directory, { recursive: true, force: true })
  const secrets = join(directory, 'secrets')
  mkdirSync(secrets, { recursive: true })
  store = fileSecrets({ names: [], directory: secrets })
  await store.add('CANCELLATIONS', 'unset')
  server = await startPubSub({ port: 0 })
  pubsub = new PubSub({ projectId: 'local-project', apiEndpoint: server.host })
  const nobody = 'http://127.0.0.1:9'
  const pushBaseUrls = Object.fromEntries(Object.keys(topology.functions).map((name) => [name, nobody]))
  await createTopology({ topology, pubsub, pushBaseUrls })
  const file = join(directory, 'endpoints.json')
  const endpoints = {
    ...{ projectId: 'local-project', PUBSUB_EMULATOR_HOST: server.host, FIRESTORE_EMULATOR_HOST: '127.0.0.1:9' },
    ...{ BIGQUERY_EMULATOR_HOST: nobody, CUSTOMERIO_TRACK_URL: nobody, CUSTOMERIO_APP_URL: nobody },
    ...{ functions: {}, secrets },
  }
  writeFileSync(file, JSON.stringify(endpoints))
  cio = commandLine(['--endpoints', file])
})
afterEach(async () => {
  await pubsub.close()
  await server.close()
})

const stored = async () => {
  const value = (await store.latest('CANCELLATIONS'))?.value
  return rulesIn(value === 'unset' ? undefined : value)
}

it('writes a rule that ends with the retention, says how much waits, shows it, and takes it back', async () => {
  await pubsub.topic('transactional').publishMessage({ data: Buffer.from('{}'), attributes: { lane: 'bulk' } })
  const conditions = ['--where', 'template=3', '--where', 'lane=bulk']
  const ended = await cio.run(['cancel', ...conditions, '--why', 'wrong prices', '--yes'])
  expect(ended.stdout).toMatch(/^c-\d{17}: cancelled, everywhere by \S+\. It ends by itself at \S+\n$/)
  expect(ended.stderr).toContain('1 message waiting in transactional-bulk.')
  const [rule] = await stored()
  expect(rule).toMatchObject({ where: { template: '3', lane: 'bulk' }, why: 'wrong prices' })
  expect(Date.parse(rule?.until ?? '') - Date.parse(rule?.before ?? '')).toBe(7 * 86_400_000)
  expect((await cio.run(['cancellations', 'list'])).stdout).toContain('template=3 lane=bulk')
  expect(await cio.run(['cancellations', 'lift', 'c-1'])).toMatchObject({ code: 2 })
  const id = rule?.id ?? ''
  expect((await cio.run(['cancellations', 'lift', id, '--dry-run'])).stdout).toContain('would be lifted')
  expect(await stored()).toHaveLength(1)
  expect((await cio.run(['cancellations', 'lift', id])).stdout).toContain('lifted: template=3 lane=bulk')
  expect(await stored()).toEqual([])
})

it('changes nothing in a dry run, nor without a confirmation', async () => {
  const planned = await cio.json(['cancel', '--where', 'person=id:u1', '--why', 'x', '--dry-run'])
  expect(planned).toMatchObject({ dryRun: true, rule: { where: { person: { kind: 'id', value: 'u1' } } }, waiting: 0 })
  expect(await cio.run(['cancel', '--where', 'topic=track', '--why', 'x'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Cancel what was published before'),
  })
  expect(await stored()).toEqual([])
})

it.each([
  [['--where', `event=${'e'.repeat(101)}`, '--why', 'x'], '--where event: at most 100 bytes'],
  [['--where', `person=id:${'u'.repeat(321)}`, '--why', 'x'], '--where person.value: at most 320 bytes'],
  [['--where', 'topic=track', '--why', 'x'.repeat(401)], '--why: at most 400 bytes'],
])('stores no rule that the functions could not read, or they would deliver nothing', async (options, problem) => {
  const ended = await cio.run(['cancel', ...options, '--yes'])
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(problem) })
  expect(await stored()).toEqual([])
})

const rule = (id: string): CancelRule => ({
  ...{ id, where: { topic: 'track' }, before: '2026-11-26T10:00:00Z', until: '2026-12-03T10:00:00Z' },
  ...{ by: 'b', why: 'w' },
})

it('warns of a wildcard, which cancels nothing', async () => {
  const { stderr } = await cio.run(['cancel', '--where', 'event=order_*', '--why', 'x', '--dry-run'])
  expect(stderr).toContain('* stands for itself')
  expect((await cio.run(['cancel', '--where', 'event=order', '--why', 'x', '--dry-run'])).stderr).not.toContain('*')
})

it('keeps what three people cancel in the same moment, in whichever order the store answers them', async () => {
  const ids = ['a', 'b', 'c']
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const versions = ['unset']
      const turn = () => scheduler.schedule(Promise.resolve())
      const shared: SecretStore = {
        ...store,
        async latest() {
          await turn()
          return { version: String(versions.length), value: versions.at(-1) ?? '' }
        },
        async version(_, version) {
          await turn()
          return { version, value: versions[Number(version) - 1] ?? '' }
        },
        async add(_, value) {
          await turn()
          return String(versions.push(value))
        },
      }
      const context = { connection: { secrets: () => shared }, now: () => Date.parse('2026-11-26T10:00:00Z') }
      await scheduler.waitFor(
        Promise.all(
          ids.map((id) => changeRules(context, (rules) => [...rules.filter((one) => one.id !== id), rule(id)])),
        ),
      )
      const kept = rulesIn(versions.at(-1)).map((each) => each.id)
      expect(kept.sort()).toEqual(ids)
    }),
  )
})

it('keeps what somebody else has cancelled in the same moment', async () => {
  const versions = ['unset']
  let faster: string | undefined = textOf([rule('theirs')])
  const racing: SecretStore = {
    ...store,
    latest: async () => ({ version: String(versions.length), value: versions.at(-1) ?? '' }),
    version: async (_, version) => ({ version, value: versions[Number(version) - 1] ?? '' }),
    add: async (_, value) => {
      if (faster !== undefined) versions.push(faster)
      faster = undefined
      return String(versions.push(value))
    },
  }
  const context = { connection: { secrets: () => racing }, now: () => Date.parse('2026-11-26T10:00:00Z') }
  await changeRules(context, (rules) => [...rules, rule('ours')])
  expect(rulesIn(versions.at(-1)).map(({ id }) => id)).toEqual(['theirs', 'ours'])
})
