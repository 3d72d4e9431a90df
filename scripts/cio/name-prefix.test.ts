import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../emulators/pubsub/index.ts'
import { createTopology } from '../local/create-topology.ts'
import { withNamePrefix } from '../topology/names.ts'
import { readTopology } from '../topology/topology.ts'
import { commandLine } from './testing/command-line.ts'

/** Two pipelines in one project: a command reaches the one that it was given, and nothing of the other. */

const [PROJECT, PREFIX] = ['acme-marketing', 'uk-']
let server: PubSubServer
let pubsub: PubSub
let state: string

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'cio-prefix-'))
  server = await startPubSub({ port: 0 })
  pubsub = new PubSub({ projectId: PROJECT, apiEndpoint: server.host, emulatorMode: true })
  for (const topology of [readTopology(), withNamePrefix(readTopology(), PREFIX)]) {
    const nobody = Object.fromEntries(Object.keys(topology.functions).map((name) => [name, 'http://127.0.0.1:9/']))
    await createTopology({ topology, pubsub, pushBaseUrls: nobody })
  }
})
afterAll(async () => {
  await pubsub?.close()
  await server?.close()
  rmSync(state, { recursive: true })
})

const cio = () =>
  commandLine(['--project', PROJECT, '--region', 'eu', '--name-prefix', PREFIX], {
    PUBSUB_EMULATOR_HOST: server.host,
    CIO_STATE_DIR: state,
  })
const waiting = (name: string) => server.stats(`projects/${PROJECT}/subscriptions/${name}`).outstanding

async function deadLetter(topic: string, message: object): Promise<void> {
  const attributes = { reason: 'exhausted', error: 'answer 503', source_message_id: '1' }
  await pubsub.topic(`${PREFIX}${topic}-dead-letter`).publishMessage({ json: message, attributes })
}

it('publishes to its topics', async () => {
  const ended = await cio().run(['publish', 'track', '{"identifiers":{"id":"ada"},"name":"x"}'])
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('project acme-marketing, pipeline uk-') })
  expect([waiting('uk-track'), waiting('track')]).toEqual([1, 0])
})

it('replays its dead letters to its topics, by the names of pipeline.yaml', async () => {
  await deadLetter('identify', { identifiers: { id: 'ada' }, attributes: { plan: 'pro' } })
  const ended = await cio().run(['dlq', 'replay', 'identify', '--yes'])
  expect(ended).toMatchObject({ code: 0, stdout: 'identify: 1 message replayed\n' })
  expect([waiting('uk-identify'), waiting('identify')]).toEqual([1, 0])
  expect(waiting('uk-identify-dead-letter')).toBe(0)
})

it('replays no deletion without being told, whatever the topic is called', async () => {
  await deadLetter('identify', { action: 'delete', identifiers: { id: 'ada' } })
  const { stdout } = await cio().run(['dlq', 'replay', 'identify', '--yes'])
  expect(stdout).toMatch(/1 skipped|--force/)
  expect(waiting('uk-identify-dead-letter')).toBe(1)
})
