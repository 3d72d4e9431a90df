import { join } from 'node:path'
import { z } from 'zod'
import { bodyMemoryBytes, nodeOptions, readTopology } from '../../topology/topology.ts'
import { type Load, type Seen, seenSchema } from '../load/load.ts'
import { SIGNING_KEY } from '../load/messages.ts'
import { type Counts, countsSchema, readySchema } from '../sinks/counts.ts'
import { CREDENTIALS, type SinkOptions } from '../sinks/options.ts'
import { BASELINES, type Baseline, type Line } from './bundles.ts'
import { Helper } from './child.ts'
import { Instance } from './instance.ts'

const PROJECT_ID = 'bench-project'
/** Where nobody listens. */
const NOWHERE = '127.0.0.1:9'

/** One of the functions of this project. */
export type FunctionName = 'identify' | 'track' | 'transactional' | 'webhook' | 'warehouse' | 'probe'

/** What an instance talks to. */
export interface Sinks {
  readonly customerio?: Sink
  readonly pubsub?: Sink
  readonly bigquery?: Sink
  readonly firestore?: Sink
}

/** A server that acknowledges and stores nothing, in a process of its own. */
export interface Sink {
  readonly port: number
  readonly pid: number
  counts(): Promise<Counts>
}

/** Everything that is measured, and what it is measured with: each in a process of its own. */
export class Lab {
  readonly #directory: string
  readonly #generator: Helper
  readonly #closing: (() => Promise<void>)[] = []

  private constructor(directory: string, generator: Helper) {
    this.#directory = directory
    this.#generator = generator
  }

  /** Starts the load generator; the bundles stand in the directory already. */
  static async open(directory: string): Promise<Lab> {
    const { helper } = await Helper.start(join(import.meta.dirname, '../load/generator.ts'), {}, z.unknown())
    const lab = new Lab(directory, helper)
    lab.#closing.push(() => helper.close())
    return lab
  }

  get generatorPid(): number {
    return this.#generator.pid
  }

  load(load: Load): Promise<Seen[]> {
    return this.#generator.ask(load, seenSchema)
  }

  async sink({ kind, ...options }: SinkOptions): Promise<Sink> {
    const file = join(import.meta.dirname, '../sinks', `${kind}.ts`)
    const { helper, ready } = await Helper.start(file, options, readySchema)
    this.#closing.push(() => helper.close())
    return { port: ready.port, pid: helper.pid, counts: () => helper.ask({}, countsSchema) }
  }

  /** Starts an instance of a function or of a baseline; ended with the lab, or before by its own `close`. */
  async instance(
    name: FunctionName | Baseline,
    sinks: Sinks,
    extra: { env?: Readonly<Record<string, string>>; nodeArguments?: readonly string[]; line?: Line } = {},
  ): Promise<Instance> {
    const baseline = isBaseline(name)
    const instance = await Instance.spawn({
      name,
      source: join(this.#directory, baseline ? 'baselines' : (extra.line ?? 'functions'), name),
      env: { ...environmentOf(name, sinks), ...extra.env },
      ...(extra.nodeArguments !== undefined && { nodeArguments: extra.nodeArguments }),
    })
    this.#closing.push(() => instance.close())
    return instance
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close()
  }
}

function isBaseline(name: string): name is Baseline {
  return BASELINES.some((baseline) => baseline === name)
}

/** What `terraform/` would set, with the sinks in the place of the cloud. A variable that a baseline does not read is harmless. */
function environmentOf(name: string, sinks: Sinks): Record<string, string> {
  const topology = readTopology()
  const { memory } = topology.functions[name] ?? { memory: '1Gi' }
  const subscription = Object.values(topology.subscriptions).find(({ push }) => push === name)
  const customerio = `http://127.0.0.1:${sinks.customerio?.port ?? 9}`
  return {
    GOOGLE_CLOUD_PROJECT: PROJECT_ID,
    LOG_LEVEL: 'INFO',
    METADATA_SERVER_DETECTION: 'none',
    DEAD_LETTER_TOPIC: `${name}-dead-letter`,
    BULK_LANE_TOPIC: name,
    MAX_DELIVERY_ATTEMPTS: '100',
    ACK_DEADLINE_SECONDS: String(subscription?.ack_deadline_seconds ?? 60),
    CUSTOMERIO_SITE_ID: CREDENTIALS.siteId,
    CUSTOMERIO_TRACK_API_KEY: CREDENTIALS.trackApiKey,
    CUSTOMERIO_APP_API_KEY: CREDENTIALS.appApiKey,
    CUSTOMERIO_WEBHOOK_SIGNING_KEYS: SIGNING_KEY,
    CUSTOMERIO_REGION: 'us',
    CUSTOMERIO_TRACK_URL: `${customerio}/api/v1`,
    CUSTOMERIO_APP_URL: `${customerio}/v1`,
    // The one instance that is measured has the whole of the account's limit.
    CUSTOMERIO_REQUESTS_PER_SECOND: '1000',
    BODY_MEMORY_BYTES: String(bodyMemoryBytes(memory)),
    NODE_OPTIONS: nodeOptions(memory),
    WEBHOOK_EVENTS_TOPIC: 'webhook-events',
    PROBE_WEBHOOK_URL: `http://${NOWHERE}`,
    CUSTOMERIO_LOOK_UPS_PER_SECOND: '1',
    BIGQUERY_DATASET: topology.bigquery.dataset,
    SEND_LEDGER_DATABASE: topology.ledger.database,
    PERSON_HASH_KEYS: 'a key of thirty-two characters..',
    RECIPIENTS: 'anyone', // everybody here is made up
    PUBSUB_EMULATOR_HOST: addressOf(sinks.pubsub),
    FIRESTORE_EMULATOR_HOST: addressOf(sinks.firestore),
    BIGQUERY_EMULATOR_HOST: `http://${addressOf(sinks.bigquery)}`,
  }
}

function addressOf(sink: Sink | undefined): string {
  return sink === undefined ? NOWHERE : `127.0.0.1:${sink.port}`
}
