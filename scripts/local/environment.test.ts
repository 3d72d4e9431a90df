import environments from '../../terraform/tests/fixtures/function-environments.json' with { type: 'json' }
import { readTopology } from '../topology/topology.ts'
import { functionEnvironment, type LocalHosts } from './environment.ts'

const HOSTS: LocalHosts = {
  projectId: 'p',
  pubsub: 'localhost:1',
  firestore: 'localhost:2',
  bigquery: 'http://localhost:3',
  trackUrl: 'http://localhost:4/api/v1',
  appUrl: 'http://localhost:4/v1',
  webhookUrl: 'http://localhost:5/',
  region: 'us',
  secretFile: (name) => `/secrets/${name}`,
  requestsPerSecond: 1_000,
}

it('gives a function that sends the whole ledger of the topology', () => {
  const { ledger } = readTopology()
  expect(functionEnvironment(readTopology(), 'transactional', HOSTS)).toMatchObject({
    SEND_LEDGER_DATABASE: ledger.database,
    SEND_LEDGER_COLLECTION: ledger.collection,
    SEND_LEDGER_TTL_DAYS: String(ledger.ttl_days),
    FIRESTORE_EMULATOR_HOST: 'localhost:2',
  })
})

it('gives a function no more than it uses', () => {
  const environment = functionEnvironment(readTopology(), 'track', HOSTS)
  expect(Object.keys(environment).filter((name) => /LEDGER|FIRESTORE|BIGQUERY|APP_API|WEBHOOK/.test(name))).toEqual([])
  expect(environment).toMatchObject({ CUSTOMERIO_REQUESTS_PER_SECOND: '320', DEAD_LETTER_TOPIC: 'track-dead-letter' })
})

// `terraform test` holds this file against what Terraform plans, so neither side can get a variable alone.
it.each(Object.entries(environments.prod))('gives %s what Terraform gives it, and addresses', (name, deployed) => {
  const local = Object.keys(functionEnvironment(readTopology(), name, HOSTS))
  const address = /_EMULATOR_HOST$|^CUSTOMERIO_(TRACK|APP)_URL$|^METADATA_SERVER_DETECTION$/
  expect(local.filter((variable) => !address.test(variable)).sort()).toEqual(Object.keys(deployed).sort())
})

it('leaves variables of pipeline.yaml out that the rules set, and adds its options of Node', () => {
  const topology = readTopology()
  const { track } = topology.functions
  if (track === undefined) throw new Error('no function track')
  const environment = { NODE_OPTIONS: '--enable-source-maps', DEAD_LETTER_TOPIC: 'elsewhere', BATCH_MAX_ITEMS: '7' }
  const functions = { ...topology.functions, track: { ...track, memory: '527Mi', environment } }
  expect(functionEnvironment({ ...topology, functions }, 'track', HOSTS)).toMatchObject({
    NODE_OPTIONS: '--max-old-space-size=463 --max-semi-space-size=32 --enable-source-maps',
    DEAD_LETTER_TOPIC: 'track-dead-letter',
    BATCH_MAX_ITEMS: '7',
  })
})

it('knows only the functions of the topology', () => {
  expect(() => functionEnvironment(readTopology(), 'fax', HOSTS)).toThrow('terraform/pipeline.yaml has no function fax')
})
