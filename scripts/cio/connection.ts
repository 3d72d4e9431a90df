import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { BigQuery } from '@google-cloud/bigquery'
import type { Firestore } from '@google-cloud/firestore'
import type { PubSub, v1 } from '@google-cloud/pubsub'
import type { Pool } from 'pg'
import { z } from 'zod'
import { isListening } from '../emulators/ports.ts'
import { PIPELINE_VARIABLE } from '../local/environment.ts'
import { NAME_PREFIX, withNamePrefix } from '../topology/names.ts'
import { findUpwards, readTopology, type Topology } from '../topology/topology.ts'
import { type CustomerIo, createCustomerIo } from './customerio.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { CommandError, NoCredentialsError, usageError } from './errors.ts'
import { cloudSecrets } from './secrets/cloud.ts'
import { fileSecrets } from './secrets/files.ts'
import type { SecretStore } from './secrets/store.ts'

/** What the operator wants to work on. */
export interface Target {
  readonly local: boolean
  /** `endpoints.json` of a local stack; that of `npm start` by default. */
  readonly endpoints?: string
  /** Folder of `terraform/environments`. */
  readonly env?: string
  readonly project?: string
  readonly region?: string
  /** `name_prefix` of the pipeline, where `project` says which. */
  readonly namePrefix?: string
  /** Where files are looked for, and above it: the working directory by default. */
  readonly from?: string
}

/** What names a local stack to another command: `--local` finds that of the working directory. @param file its endpoints.json */
export function localFlags(file: string): string {
  const path = resolve(file)
  return path === resolve(LOCAL_ENDPOINTS) ? '--local' : `--endpoints ${path}`
}

function flagsOf({ local, endpoints, env, project, region, namePrefix }: Target): string {
  if (local || endpoints !== undefined) return endpoints === undefined ? '--local' : localFlags(endpoints)
  return Object.entries({ env, project, region, 'name-prefix': namePrefix })
    .flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]))
    .join(' ')
}

/** One pipeline, local or in the cloud. Clients are made, and their libraries loaded, when first asked for. */
export interface Connection {
  readonly local: boolean
  /** For people: `the local stack`, `project acme-prod`. */
  readonly name: string
  /** Options that name it to another command: `--env prod`. */
  readonly flags: string
  /** With the names of what is deployed. */
  readonly topology: Topology
  /** Where journals and checkpoints are kept, one folder per target. */
  readonly stateDirectory: string
  /** What `--env` named. */
  readonly environment: Environment | undefined
  /** Address of the webhook function, where it is known. */
  readonly webhookUrl: string | undefined
  /** Address of the local stack's probe; undefined in the cloud, where nobody but its topic reaches it. */
  readonly probeUrl: string | undefined
  /** Address of the local stack's Customer.io; undefined in the cloud. */
  readonly localCustomerIo: string | undefined
  /** Folder of the local functions' logs, one file each; undefined in the cloud. */
  readonly localLogs: string | undefined
  projectId(): Promise<string>
  pubsub(): Promise<PubSub>
  /** For unary pulls with acknowledgements that are confirmed. */
  subscriber(): Promise<v1.SubscriberClient>
  bigquery(): Promise<BigQuery>
  /** The database of the send ledger. */
  firestore(): Promise<Firestore>
  /** The application's own, which the variables of PostgreSQL name. */
  database(): Promise<Pool>
  secrets(): SecretStore
  customerIo(): CustomerIo
  close(): Promise<void>
}

const endpointsSchema = z.looseObject({
  projectId: z.string(),
  PUBSUB_EMULATOR_HOST: z.string(),
  FIRESTORE_EMULATOR_HOST: z.string(),
  BIGQUERY_EMULATOR_HOST: z.string(),
  CUSTOMERIO_TRACK_URL: z.string(),
  CUSTOMERIO_APP_URL: z.string(),
  customerio: z.string().optional(),
  functions: z.record(z.string(), z.string()),
  secrets: z.string(),
  logs: z.string().optional(),
})

/** Where `npm start` says how its stack is reached. */
const LOCAL_ENDPOINTS = '.local/endpoints.json'

/** What is known of a target before the first request. */
interface Where {
  readonly local: boolean
  readonly name: string
  readonly projectId: string | undefined
  readonly namePrefix: string
  readonly stateDirectory: string
  readonly environment: Environment | undefined
  readonly webhookUrl: string | undefined
  readonly probeUrl: string | undefined
  readonly localCustomerIo: string | undefined
  readonly localLogs: string | undefined
  readonly region: 'us' | 'eu' | undefined
  readonly trackUrl: string | undefined
  readonly appUrl: string | undefined
  readonly secretFiles: string | undefined
}

export async function connect(target: Target): Promise<Connection> {
  const where = target.local || target.endpoints !== undefined ? await whereLocal(target) : whereCloud(target)
  const topology = withNamePrefix(readTopology(), where.namePrefix)
  mkdirSync(where.stateDirectory, { recursive: true })
  const closing: (() => Promise<unknown>)[] = []
  const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
    let made: Promise<T> | undefined
    return () => {
      made ??= make()
      return made
    }
  }
  const pubsub = once(async () => {
    await credentials('PUBSUB_EMULATOR_HOST')
    const { PubSub } = await import('@google-cloud/pubsub')
    const client = new PubSub(where.projectId === undefined ? {} : { projectId: where.projectId })
    closing.push(() => client.close())
    return client
  })
  const projectId = once(async () => {
    if (where.projectId !== undefined) return where.projectId
    throw usageError('no project is given', 'Use --local, --env <name> or --project <id>.')
  })
  const signedIn = once(signIn)
  /** Google's clients end the process with a stack trace when they find no credentials: they are looked for before. */
  const credentials = async (emulator: string) => {
    if (!process.env[emulator]) await signedIn()
  }
  const subscriber = once(async () => {
    await credentials('PUBSUB_EMULATOR_HOST')
    const { v1 } = await import('@google-cloud/pubsub')
    const client = new v1.SubscriberClient({
      ...(await emulated('PUBSUB_EMULATOR_HOST')),
      projectId: await projectId(),
    })
    closing.push(() => client.close())
    return client
  })
  const bigquery = once(async () => {
    await credentials('BIGQUERY_EMULATOR_HOST')
    const { BigQuery } = await import('@google-cloud/bigquery')
    const host = process.env.BIGQUERY_EMULATOR_HOST
    return new BigQuery({ projectId: await projectId(), ...(host !== undefined && { apiEndpoint: host }) })
  })
  const firestore = once(async () => {
    await credentials('FIRESTORE_EMULATOR_HOST')
    const { Firestore } = await import('@google-cloud/firestore')
    const client = new Firestore({ projectId: await projectId(), databaseId: topology.ledger.database })
    closing.push(() => client.terminate())
    return client
  })
  const database = once(async () => {
    const { default: pg } = await import('pg')
    const url = process.env.DATABASE_URL
    const pool = new pg.Pool({ ...(url !== undefined && { connectionString: url }), max: 4 })
    // A lost idle connection is reported by the next query.
    pool.on('error', () => {})
    closing.push(() => pool.end())
    return pool
  })
  const ids = Object.fromEntries(Object.entries(topology.secrets).map(([name, { id }]) => [name, id]))
  const names = Object.keys(ids).filter((name) => topology.secrets[name]?.is_credential)
  const secrets =
    where.secretFiles === undefined
      ? cloudSecrets({
          ids,
          names,
          projectId,
          closing,
          emulated: async () => {
            await credentials('SECRET_MANAGER_EMULATOR_HOST')
            return emulated('SECRET_MANAGER_EMULATOR_HOST')
          },
        })
      : fileSecrets({ names, directory: where.secretFiles })
  return {
    flags: flagsOf(target),
    ...where,
    topology,
    projectId,
    pubsub,
    subscriber,
    bigquery,
    firestore,
    database,
    secrets: () => secrets,
    customerIo: () => createCustomerIo({ ...where, secrets, appRequestsPerSecond: operatorsShare(topology) }),
    close: async () => {
      for (const end of closing.splice(0).reverse()) await end().catch(() => {})
    },
  }
}

/** @throws one line when this machine has no credentials of Google's */
async function signIn(): Promise<void> {
  const { PubSub } = await import('@google-cloud/pubsub')
  // The library warns of each place where it found none.
  process.removeAllListeners('warning')
  try {
    await new PubSub().auth.getClient()
  } catch {
    throw new NoCredentialsError()
  }
}

/** Requests per second to the App API that are reserved for operators. */
function operatorsShare({ customerio }: Topology): number {
  return customerio.app_requests_per_second * customerio.headroom * customerio.reserved_app_shares.operators
}

/** Sets the emulators' variables, by which Google's clients, here and in shared/, find the local stack. */
async function whereLocal(target: Target): Promise<Where> {
  const start =
    'Start the local stack with `npm start`, which writes that file, and leave it running. For a stack of another folder, ' +
    'give its file: --endpoints <folder>/.local/endpoints.json'
  const control = target.endpoints === undefined ? process.env[PIPELINE_VARIABLE] : undefined
  const file = resolve(
    target.endpoints ?? findUpwards(target.from ?? process.cwd(), [LOCAL_ENDPOINTS]) ?? LOCAL_ENDPOINTS,
  )
  if (control === undefined && !existsSync(file)) throw new CommandError(`there is no ${file}`, { hint: start })
  const document = control === undefined ? readDocument(file) : await fetchDocument(`${control}/endpoints`)
  const parsed = endpointsSchema.safeParse(document)
  if (!parsed.success) throw new CommandError(`${file} was not written by the local stack`, { hint: start })
  const endpoints = parsed.data
  // Google's clients would try for a minute to reach a server that is not there.
  const [host, port] = endpoints.PUBSUB_EMULATOR_HOST.split(':')
  if (!(await isListening(Number(port), host))) {
    throw new CommandError(`the local stack of ${file} is not running`, { hint: start })
  }
  process.env.METADATA_SERVER_DETECTION = 'none'
  process.env.GOOGLE_CLOUD_PROJECT = endpoints.projectId
  for (const name of ['PUBSUB_EMULATOR_HOST', 'FIRESTORE_EMULATOR_HOST', 'BIGQUERY_EMULATOR_HOST'] as const) {
    process.env[name] = endpoints[name]
  }
  return {
    local: true,
    name: 'the local stack',
    projectId: endpoints.projectId,
    namePrefix: '',
    stateDirectory: join(endpoints.secrets, '..', 'cio'),
    environment: undefined,
    webhookUrl: endpoints.functions.webhook,
    probeUrl: endpoints.functions.probe,
    localCustomerIo: endpoints.customerio,
    localLogs: endpoints.logs,
    region: 'us',
    trackUrl: endpoints.CUSTOMERIO_TRACK_URL,
    appUrl: endpoints.CUSTOMERIO_APP_URL,
    secretFiles: endpoints.secrets,
  }
}

function readDocument(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

async function fetchDocument(url: string): Promise<unknown> {
  try {
    return await (await fetch(url)).json()
  } catch (cause) {
    throw new CommandError(`the local pipeline of ${PIPELINE_VARIABLE} does not answer`, { cause })
  }
}

function whereCloud(target: Target): Where {
  const environment = target.env === undefined ? undefined : readEnvironment(target.env, target.from ?? process.cwd())
  if (target.project !== undefined && environment !== undefined && target.project !== environment.projectId)
    throw usageError(`--env ${target.env} is ${environment.projectId}, and --project says ${target.project}`)
  const projectId = target.project ?? environment?.projectId
  const region = target.region ?? environment?.customerIoRegion ?? process.env.CUSTOMERIO_REGION
  if (region !== undefined && region !== 'us' && region !== 'eu') throw usageError('--region must be us or eu')
  const namePrefix = target.namePrefix ?? environment?.namePrefix ?? ''
  if (!NAME_PREFIX.test(namePrefix))
    throw usageError('--name-prefix must end in a hyphen, as name_prefix in values.yaml')
  if (environment !== undefined && namePrefix !== environment.namePrefix)
    throw usageError(
      `--env ${target.env} has the name_prefix “${environment.namePrefix}”, and --name-prefix says ${namePrefix}`,
    )
  const base = process.env.CIO_STATE_DIR ?? join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'cio')
  return {
    local: false,
    name: projectId === undefined ? 'no project' : nameOf(projectId, namePrefix, process.env),
    projectId,
    namePrefix,
    stateDirectory: join(base, [projectId ?? 'default', ...(namePrefix === '' ? [] : [namePrefix])].join('.')),
    environment,
    webhookUrl: undefined,
    probeUrl: undefined,
    localCustomerIo: undefined,
    localLogs: undefined,
    region,
    trackUrl: process.env.CUSTOMERIO_TRACK_URL,
    appUrl: process.env.CUSTOMERIO_APP_URL,
    secretFiles: undefined,
  }
}

/** With what a forgotten variable of an emulator would silently put in the project's place. */
function nameOf(projectId: string, namePrefix: string, env: NodeJS.ProcessEnv): string {
  const instead = ['PUBSUB', 'FIRESTORE', 'BIGQUERY'].filter((service) => env[`${service}_EMULATOR_HOST`])
  const emulators = instead.map((service) => `${service}_EMULATOR_HOST is set`).join(', ')
  const pipeline = namePrefix === '' ? '' : `, pipeline ${namePrefix}`
  return `project ${projectId}${pipeline}${emulators === '' ? '' : ` (${emulators})`}`
}

/** Options of a generated client for a server on this machine, if the variable names one. */
async function emulated(variable: string): Promise<object> {
  const [servicePath, port] = process.env[variable]?.split(':') ?? []
  if (!servicePath) return {}
  const { credentials } = await import('@grpc/grpc-js')
  return { servicePath, port: Number(port), sslCreds: credentials.createInsecure() }
}
