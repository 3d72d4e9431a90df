import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import { type Connection, connect } from '../../../cio/connection.ts'
import { type CommandLine, commandLine } from '../../../cio/testing/command-line.ts'
import { type PubSubServer, startPubSub } from '../../../emulators/pubsub/index.ts'
import { createTopology } from '../../../local/create-topology.ts'
import { PROJECT_ROOT, readTopology } from '../../../topology/topology.ts'
import { areaStopped, type Stopped } from './stopped.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const DAY_MS = 86_400_000
const directory = join(PROJECT_ROOT, '.local', 'console-stopped-test')
let server: PubSubServer
let pubsub: PubSub
let connection: Connection
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  const secrets = join(directory, 'secrets')
  mkdirSync(secrets, { recursive: true })
  writeFileSync(join(secrets, 'CANCELLATIONS'), 'unset')
  const topology = readTopology()
  server = await startPubSub({ port: 0 })
  pubsub = new PubSub({ projectId: 'local-project', apiEndpoint: server.host, emulatorMode: true })
  const nobody = 'http://127.0.0.1:9'
  const pushBaseUrls = Object.fromEntries(Object.keys(topology.functions).map((name) => [name, nobody]))
  await createTopology({ topology, pubsub, pushBaseUrls })
  const endpoints = join(directory, 'endpoints.json')
  writeFileSync(
    endpoints,
    JSON.stringify({
      ...{ projectId: 'local-project', PUBSUB_EMULATOR_HOST: server.host, FIRESTORE_EMULATOR_HOST: '127.0.0.1:9' },
      ...{ BIGQUERY_EMULATOR_HOST: nobody, CUSTOMERIO_TRACK_URL: nobody, CUSTOMERIO_APP_URL: nobody },
      ...{ functions: {}, secrets },
    }),
  )
  cio = commandLine(['--endpoints', endpoints])
  connection = await connect({ local: true, endpoints })
})
afterAll(async () => {
  await connection.close()
  await pubsub.close()
  await server.close()
})

/** What the page shows. */
async function shown(masked = false): Promise<Stopped> {
  const operator = { connection, now: Date.now, signal: new AbortController().signal }
  const [route] = areaStopped(operator, masked).routes
  const request = { params: {}, query: new URLSearchParams(), body: undefined, signal: operator.signal }
  return (await route?.run(request)) as Stopped
}

it('shows what is paused and cancelled: what, by whom, since when, why, and until when', async () => {
  expect(await shown()).toMatchObject({ paused: [], cancellations: [] })
  const why = 'ada@acme.com got it twice'
  expect(await cio.run(['pause', 'track', '--lane', 'bulk', '--why', why])).toMatchObject({ code: 0 })
  const where = ['--where', 'person=email:ada@acme.com', '--where', 'lane=bulk']
  expect(await cio.run(['cancel', ...where, '--why', why, '--yes'])).toMatchObject({ code: 0 })

  const stopped = await shown()
  expect(stopped).toMatchObject({
    paused: [{ subscription: 'track-bulk', by: expect.stringMatching(/./), why }],
    cancellations: [{ where: 'lane=bulk person=email:…', by: expect.stringMatching(/./), why }],
  })
  const { paused, cancellations } = stopped
  expect(paused.map(({ sinceMs, keptUntilMs }) => keptUntilMs - sinceMs)).toEqual([7 * DAY_MS])
  expect(cancellations.map(({ beforeMs, untilMs }) => untilMs - beforeMs)).toEqual([7 * DAY_MS])

  expect(JSON.stringify(await shown(true))).not.toContain('ada@acme.com')

  // First: `resume` would wait until every function knows the cancellation.
  expect(await cio.run(['cancellations', 'lift', String(cancellations[0]?.id)])).toMatchObject({ code: 0 })
  expect(await cio.run(['resume', 'track'])).toMatchObject({ code: 0 })
  expect(await shown()).toMatchObject({ paused: [], cancellations: [] })
})
