import { EventEmitter } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BigQuery } from '@google-cloud/bigquery'
import { PubSub } from '@google-cloud/pubsub'
import type { FunctionBuild } from '../build/rebuild.ts'
import { type LocalBigQuery, startBigQuery } from '../emulators/bigquery/index.ts'
import { type CustomerIoOptions, type CustomerIoServer, startCustomerIo } from '../emulators/customerio/index.ts'
import { type FirestoreOptions, type FirestoreServer, startFirestore } from '../emulators/firestore/index.ts'
import { LogRouter, type LogSink } from '../emulators/logging/index.ts'
import { freePort, isListening } from '../emulators/ports.ts'
import {
  type AppendRows,
  type PubSubEvents,
  type PubSubOptions,
  type PubSubServer,
  startPubSub,
} from '../emulators/pubsub/index.ts'
import { PROJECT_ROOT, readTopology, type Topology } from '../topology/topology.ts'
import { createTopology } from './create-topology.ts'
import { deployWarehouse } from './deploy-warehouse.ts'
import { type Endpoints, functionEnvironment, IS_PACKAGE } from './environment.ts'
import { FunctionProcess } from './function-process.ts'
import { whileQuiet } from './quiet.ts'
import { RecordSink } from './record-sink.ts'
import { type Reload, Reloader } from './reload.ts'

/** The servers of the local stack, with the console, and their ports by default. Functions follow from 8101 in the order of pipeline.yaml. */
export const DEFAULT_PORTS = {
  pubsub: 8085,
  firestore: 8086,
  customerio: 8090,
  bigquery: 9050,
  console: 8080,
  inspect: 9229,
} as const
const FIRST_FUNCTION_PORT = 8101

/** The secrets of the local stack. Not secret: nothing outside this machine knows them. */
export const LOCAL_CREDENTIALS = {
  CUSTOMERIO_SITE_ID: 'local-site-id',
  CUSTOMERIO_TRACK_API_KEY: 'local-track-api-key',
  CUSTOMERIO_APP_API_KEY: 'local-app-api-key',
  CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'local-webhook-signing-key',
  PERSON_HASH_KEYS: 'local-person-hash-key-of-nobody-else',
} as const

const CANCELLATIONS = 'CANCELLATIONS'

export interface StackOptions {
  /** By server or function; 0 means any free one. `all` stands for every one that is not named. */
  readonly ports?: Readonly<Record<string, number>>
  /** Where bundles, logs, secrets and endpoints.json go: `.local` by default. */
  readonly directory?: string
  /** False: no endpoints.json, which tells others on this machine of the stack for as long as it runs. True by default. */
  readonly announce?: boolean
  readonly projectId?: string
  /** The account's limit at Customer.io, shared out among the functions. 1,000 by default. */
  readonly requestsPerSecond?: number
  /** How many processes whoever starts the stack will run of a function: its rate is divided among them. 1 by default. */
  readonly instances?: Readonly<Record<string, number>>
  readonly pubsub?: Partial<PubSubOptions>
  readonly firestore?: Partial<FirestoreOptions>
  readonly customerio?: Partial<CustomerIoOptions>
  /** The pipeline to start; that of terraform/pipeline.yaml by default. */
  readonly topology?: Topology
  /** Further variables for every function. */
  readonly environment?: Readonly<Record<string, string>>
  /** Where the functions' log lines go besides the record. */
  readonly logSinks?: readonly LogSink[]
  /** Builds a function again whenever one of its sources is saved, and puts it in the place of the running one. Not by default. */
  readonly reload?: {
    readonly report: (reload: Reload) => void
    /** Folder that holds `functions` and `shared`: the checkout by default. */
    readonly root?: string
  }
  /** A function that a debugger can attach to, at the port `inspect`. */
  readonly inspect?: string
  /** Only these functions; all by default. The subscriptions of the others deliver to nobody. */
  readonly functions?: readonly string[]
}

export interface Stack {
  readonly topology: Topology
  readonly endpoints: Endpoints
  readonly pubsub: PubSubServer
  readonly firestore: FirestoreServer
  readonly bigquery: LocalBigQuery
  readonly customerio: CustomerIoServer
  readonly functions: Readonly<Record<string, FunctionProcess>>
  /** A client of the local Pub/Sub. */
  readonly client: PubSub
  readonly warehouse: BigQuery
  /** Cuts every connection of Pub/Sub and, once `whileDown` is over, starts it again on its port with all that it had. */
  restartPubSub(whileDown?: () => Promise<unknown>): Promise<void>
  /** The same for Firestore, which has afterwards what stands in `firestore.dataFile`: without one, nothing. */
  restartFirestore(whileDown?: () => Promise<unknown>): Promise<void>
  close(): Promise<void>
}

/**
 * Starts the whole pipeline on this machine: the bundles of the real functions, each on the functions framework in a
 * process of its own, between a Pub/Sub, a Firestore, a BigQuery and a Customer.io that speak the real protocols.
 * What connects them is read from `terraform/pipeline.yaml`.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const topology = options.topology ?? readTopology()
  if (options.inspect !== undefined) refuseUnknownFunction(options.inspect, topology)
  refuseUnknownPorts(Object.keys(options.ports ?? {}), topology)
  const directory = options.directory ?? join(PROJECT_ROOT, '.local')
  const projectId = options.projectId ?? 'local-project'
  const functionNames = Object.keys(topology.functions).filter((name) => options.functions?.includes(name) ?? true)
  const codeOf = (name: string) => topology.functions[name]?.code ?? name
  const codes = [...new Set(functionNames.map(codeOf))]
  const portOf = (name: string, fallback: number) => options.ports?.[name] ?? options.ports?.all ?? fallback

  const closing: (() => Promise<unknown> | unknown)[] = []
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const ports = new Map<string, number>()
    for (const [index, name] of Object.keys(topology.functions).entries()) {
      if (functionNames.includes(name)) {
        const port = portOf(name, FIRST_FUNCTION_PORT + index) || (await freePort())
        // Whoever listens there would pass for the function, and get its pushes.
        if (await isListening(port)) throw new Error(`function ${name}: port ${port} is already in use`)
        ports.set(name, port)
      }
    }
    const webhookUrl = `http://127.0.0.1:${ports.get('webhook')}/`
    let bigquery: LocalBigQuery
    const appendRows: AppendRows = (...rows) => bigquery.append(...rows)
    // One for all servers: who watches goes on watching when Pub/Sub is restarted.
    const pubsubOptions = { appendRows, events: new EventEmitter<PubSubEvents>(), ...options.pubsub }
    const [firstPubsub, firstFirestore, firstBigQuery, customerio] = await allOrNone([
      startPubSub({ port: portOf('pubsub', DEFAULT_PORTS.pubsub), ...pubsubOptions }),
      startFirestore({ port: portOf('firestore', DEFAULT_PORTS.firestore), ...options.firestore }),
      startBigQuery({ port: portOf('bigquery', DEFAULT_PORTS.bigquery) }),
      startCustomerIo({
        port: portOf('customerio', DEFAULT_PORTS.customerio),
        siteId: LOCAL_CREDENTIALS.CUSTOMERIO_SITE_ID,
        trackApiKey: LOCAL_CREDENTIALS.CUSTOMERIO_TRACK_API_KEY,
        appApiKey: LOCAL_CREDENTIALS.CUSTOMERIO_APP_API_KEY,
        deliveryDelayMs: 2_000,
        ...options.customerio,
        webhooks: {
          url: webhookUrl,
          signingKey: LOCAL_CREDENTIALS.CUSTOMERIO_WEBHOOK_SIGNING_KEYS,
          ...options.customerio?.webhooks,
        },
      }),
    ])
    bigquery = firstBigQuery
    let pubsub = firstPubsub
    let firestore = firstFirestore
    const servers = () => [pubsub, firestore, bigquery, customerio]
    closing.push(() => Promise.all(servers().map((server) => server.close())))
    const record = new RecordSink((entries) =>
      pubsub.publish(`projects/${projectId}/topics/${topology.record.topic}`, entries),
    )
    const { filter } = topology.record
    const sinks = [{ filter, deliver: record.deliver }, ...(options.logSinks ?? [])]
    const logging = new LogRouter({ project: projectId, now: Date.now, sinks })

    const secretFile = (name: string) => join(directory, 'secrets', name)
    mkdirSync(join(directory, 'secrets'), { recursive: true })
    for (const [name, value] of Object.entries(LOCAL_CREDENTIALS)) writeFileSync(secretFile(name), value)
    // What was cancelled stays so over a restart, as what waits does.
    if (!existsSync(secretFile(CANCELLATIONS))) writeFileSync(secretFile(CANCELLATIONS), 'unset')

    const hosts = {
      projectId,
      pubsub: pubsub.host,
      firestore: firestore.host,
      bigquery: bigquery.url,
      trackUrl: customerio.trackUrl,
      appUrl: customerio.appUrl,
      webhookUrl,
      region: 'us' as const,
      secretFile,
      requestsPerSecond: options.requestsPerSecond ?? 1_000,
      ...(options.instances !== undefined && { instances: options.instances }),
    }
    const warehouse = new BigQuery({ projectId, apiEndpoint: bigquery.url })
    const [bundles] = await Promise.all([
      findBundles(directory, codes, options.reload),
      deployWarehouse(warehouse, topology.bigquery, PROJECT_ROOT),
    ])

    closing.push(() => Promise.all(bundles.builds.map(({ build }) => build.close())))

    const functions = Object.fromEntries(
      functionNames.map((name) => [
        name,
        new FunctionProcess({
          name,
          code: codeOf(name),
          source: join(bundles.folder, codeOf(name)),
          port: ports.get(name) ?? 0,
          env: { ...functionEnvironment(topology, name, hosts), ...options.environment },
          logFile: join(directory, 'logs', `${name}.log`),
          openOutput: () => logging.stream(name),
          ...(options.inspect === name && { inspectPort: portOf('inspect', DEFAULT_PORTS.inspect) }),
        }),
      ]),
    )
    closing.push(() => Promise.all(Object.values(functions).map((fn) => fn.close())))
    await Promise.all(Object.values(functions).map((fn) => fn.start()))

    const client = new PubSub({ projectId, emulatorMode: true, apiEndpoint: pubsub.host })
    closing.push(() => client.close())
    const nobody = 'http://127.0.0.1:9/'
    await createTopology({
      topology,
      pubsub: client,
      pushBaseUrls: Object.fromEntries(
        Object.keys(topology.functions).map((name) => [name, functions[name]?.url ?? nobody]),
      ),
      pushServiceAccountEmail: `pubsub-push@${projectId}.iam.gserviceaccount.com`,
    })

    if (options.reload !== undefined && bundles.builds.length > 0) {
      const reloader = new Reloader({
        builds: bundles.builds.map(({ build }) => build),
        inputs: new Map(bundles.builds.map(({ build, inputs }) => [build.name, inputs])),
        functions,
        root: options.reload.root ?? PROJECT_ROOT,
        directory: join(directory, 'reloaded'),
        quiet: (name, during) => {
          const pushing = Object.entries(topology.subscriptions).filter(([, { push }]) => push === name)
          const subscriptions = pushing.map(([each]) => `projects/${projectId}/subscriptions/${each}`)
          return whileQuiet(
            { pubsub: () => pubsub, customerio },
            { subscriptions, takesWebhooks: name === 'webhook' },
            during,
          )
        },
        report: options.reload.report,
        now: Date.now,
      })
      closing.push(() => reloader.close())
    }

    const endpoints: Endpoints = {
      projectId,
      PUBSUB_EMULATOR_HOST: pubsub.host,
      FIRESTORE_EMULATOR_HOST: firestore.host,
      BIGQUERY_EMULATOR_HOST: bigquery.url,
      CUSTOMERIO_TRACK_URL: customerio.trackUrl,
      CUSTOMERIO_APP_URL: customerio.appUrl,
      customerio: customerio.url,
      functions: Object.fromEntries(Object.values(functions).map(({ name, url }) => [name, url])),
      secrets: join(directory, 'secrets'),
      logs: join(directory, 'logs'),
    }
    if (options.announce ?? true) {
      const file = join(directory, 'endpoints.json')
      closing.push(() => rmSync(file, { force: true }))
      writeFileSync(file, `${JSON.stringify(endpoints, null, 2)}\n`)
    }
    return {
      topology,
      endpoints,
      get pubsub() {
        return pubsub
      },
      get firestore() {
        return firestore
      },
      bigquery,
      customerio,
      functions,
      client,
      warehouse,
      async restartPubSub(whileDown) {
        const { port } = pubsub
        record.hold()
        await pubsub.close()
        const restore = pubsub.snapshot()
        await whileDown?.()
        pubsub = await startPubSub({ ...pubsubOptions, port, restore })
        record.release()
      },
      async restartFirestore(whileDown) {
        const { port } = firestore
        await firestore.close()
        await whileDown?.()
        const { misbehaviour } = firestore
        firestore = await startFirestore({ ...options.firestore, port })
        firestore.misbehave(misbehaviour)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function refuseUnknownFunction(name: string, { functions }: Topology): void {
  if (name in functions) return
  throw new Error(`--inspect ${name}: there is no such function; there are: ${Object.keys(functions).join(', ')}`)
}

/** A port for something that is not there would otherwise be taken by nobody, and what was meant gets the default one. */
function refuseUnknownPorts(names: readonly string[], topology: Topology): void {
  const known = ['all', ...Object.keys(DEFAULT_PORTS), ...Object.keys(topology.functions)]
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Error(`nothing here is called ${unknown} and has a port; these have: ${known.join(', ')}`)
}

interface Bundles {
  readonly folder: string
  /** How each is built again, with the files that it was made of; empty unless they are to be reloaded. */
  readonly builds: readonly { readonly build: FunctionBuild; readonly inputs: readonly string[] }[]
}

/** The functions' bundles, built now unless they are there already. */
async function findBundles(
  directory: string,
  functionNames: readonly string[],
  reload: StackOptions['reload'],
): Promise<Bundles> {
  const folder = join(directory, 'dist')
  if (reload !== undefined && !IS_PACKAGE) {
    const { openFunctionBuild } = await import('../build/rebuild.ts')
    const builds = await Promise.all(
      functionNames.map(async (name) => {
        const build = await openFunctionBuild(name, reload.root)
        rmSync(join(folder, name), { recursive: true, force: true })
        return { build, inputs: await build.into(join(folder, name)) }
      }),
    )
    return { folder, builds }
  }
  const ready = process.env.TEST_BUNDLES ?? (IS_PACKAGE ? join(PROJECT_ROOT, 'dist') : undefined)
  if (ready !== undefined) return { folder: ready, builds: [] }
  // Not in the package, so not imported above.
  const { buildFunctions } = await import('../build/build.ts')
  await buildFunctions(folder, functionNames)
  return { folder, builds: [] }
}

interface Server {
  close(): Promise<unknown>
}

/** Every server once all of them have started; when one cannot, the others are closed again and hold no process up. */
async function allOrNone<S extends readonly Server[]>(starting: { [I in keyof S]: Promise<S[I]> }): Promise<S> {
  try {
    return (await Promise.all(starting)) as unknown as S
  } catch (error) {
    const results = await Promise.allSettled<Server>(starting)
    await Promise.all(results.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)))
    throw error
  }
}
