import { readTopology } from '../topology/topology.ts'
import { functionEnvironment, type LocalHosts } from './environment.ts'

const HOSTS: LocalHosts = {
  projectId: 'p',
  pubsub: 'localhost:1',
  firestore: 'localhost:2',
  bigquery: 'http://localhost:3',
  trackUrl: 'http://localhost:4/api/v1',
  appUrl: 'http://localhost:4/v1',
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
  expect(environment).toMatchObject({ CUSTOMERIO_REQUESTS_PER_SECOND: '400', DEAD_LETTER_TOPIC: 'track-dead-letter' })
})

it('knows only the functions of the topology', () => {
  expect(() => functionEnvironment(readTopology(), 'fax', HOSTS)).toThrow('terraform/pipeline.yaml has no function fax')
})
