import type { Variable } from '../../shared/config/index.ts'

/** Variables that are no settings of ours: the platform and the libraries read them. Only those that somebody here sets or meets. */
export interface ForeignVariable extends Variable {
  readonly functions: readonly string[] | 'all'
  readonly readBy: string
}

const clients = { functions: 'all', readBy: "Google's clients, `shared/google-api`" } as const

export const ELSEWHERE: readonly ForeignVariable[] = [
  {
    name: 'PORT',
    functions: 'all',
    readBy: 'functions framework',
    meaning: 'the port to listen on',
    setBy: 'platform',
    default: '8080',
    range: 'a free port',
  },
  {
    name: 'FUNCTION_TARGET',
    functions: 'all',
    readBy: 'functions framework',
    meaning: 'the function that this process serves: `entry_point` of pipeline.yaml',
    setBy: 'platform',
    default: 'none: `--target` names it instead',
    range: "a function's name",
  },
  {
    name: 'LOG_EXECUTION_ID',
    functions: 'all',
    readBy: 'functions framework',
    meaning:
      "whether each line that a request writes gets the request's execution id; our lines are of several requests and get none",
    setBy: 'platform',
    default: 'false',
    range: 'true or false',
  },
  {
    name: 'NODE_ENV',
    functions: 'all',
    readBy: 'functions framework, Express',
    meaning: 'with `production`, a crash is answered without its stack',
    setBy: 'platform',
    default: 'development',
    range: 'any text',
  },
  {
    name: 'GOOGLE_APPLICATION_CREDENTIALS',
    ...clients,
    meaning: "path of a key file, where there is no function's service account",
    setBy: 'local',
    default: "the function's service account",
    range: 'a path',
  },
  {
    name: 'METADATA_SERVER_DETECTION',
    ...clients,
    meaning: 'with `none`, nobody asks for a metadata server, which only Google Cloud has',
    setBy: 'local',
    default: 'assume-present on Google Cloud',
    range: 'none, assume-present, bios-only or ping-only',
  },
  {
    name: 'GCE_METADATA_HOST',
    ...clients,
    meaning: "the metadata server, which hands out the service account's access tokens",
    setBy: 'local',
    default: 'metadata.google.internal',
    range: 'host:port',
  },
  {
    name: 'PUBSUB_EMULATOR_HOST',
    ...clients,
    meaning: 'a Pub/Sub emulator, instead of Google Cloud',
    setBy: 'local',
    default: 'Google Cloud',
    range: 'host:port',
  },
  {
    name: 'FIRESTORE_EMULATOR_HOST',
    functions: ['transactional'],
    readBy: "Google's client",
    meaning: 'a Firestore emulator, instead of Google Cloud',
    setBy: 'local',
    default: 'Google Cloud',
    range: 'host:port',
  },
  {
    name: 'BIGQUERY_EMULATOR_HOST',
    functions: ['warehouse', 'probe'],
    readBy: "Google's client",
    meaning: 'a BigQuery emulator, instead of Google Cloud',
    setBy: 'local',
    default: 'Google Cloud',
    range: 'an http address',
  },
  {
    name: 'DATABASE_URL',
    functions: [],
    readBy: "the repository's tests",
    meaning: 'a PostgreSQL server to test the repository with; each test makes a database of its own there',
    setBy: 'local',
    default: 'PostgreSQL in the test process',
    range: 'a postgres:// address',
  },
  {
    name: 'TEST_POSTGRES_CLUSTER',
    functions: [],
    readBy: "the repository's tests",
    meaning: 'an empty database that a run of the tests has made once for all processes',
    setBy: 'local',
    default: 'each process makes one',
    range: 'a file',
  },
  {
    name: 'TEST_POSTGRES_SERVER',
    functions: [],
    readBy: "the repository's tests",
    meaning: 'a PostgreSQL server that a run of the tests has started for all processes, as DATABASE_URL',
    setBy: 'local',
    default: 'each suite starts one',
    range: 'a postgres:// address',
  },
]
