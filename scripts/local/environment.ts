import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bodyMemoryBytes, nodeOptions, PROJECT_ROOT, type Topology } from '../topology/topology.ts'

/** Whether this is the installed package, which holds the functions as they were built, and no sources. */
export const IS_PACKAGE = !existsSync(join(PROJECT_ROOT, 'functions'))

/** Where everything is reached, as it stands in endpoints.json. */
export interface Endpoints {
  readonly projectId: string
  readonly PUBSUB_EMULATOR_HOST: string
  readonly FIRESTORE_EMULATOR_HOST: string
  readonly BIGQUERY_EMULATOR_HOST: string
  readonly CUSTOMERIO_TRACK_URL: string
  readonly CUSTOMERIO_APP_URL: string
  readonly customerio: string
  readonly functions: Readonly<Record<string, string>>
  readonly secrets: string
  readonly logs: string
}

/** By which Google's clients, Customer.io's SDK and our own programs find the local stack. */
export function clientEnvironment(endpoints: Endpoints, control: string): Record<string, string> {
  return {
    GOOGLE_CLOUD_PROJECT: endpoints.projectId,
    METADATA_SERVER_DETECTION: 'none',
    PUBSUB_EMULATOR_HOST: endpoints.PUBSUB_EMULATOR_HOST,
    FIRESTORE_EMULATOR_HOST: endpoints.FIRESTORE_EMULATOR_HOST,
    BIGQUERY_EMULATOR_HOST: endpoints.BIGQUERY_EMULATOR_HOST,
    CUSTOMERIO_TRACK_URL: endpoints.CUSTOMERIO_TRACK_URL,
    CUSTOMERIO_APP_URL: endpoints.CUSTOMERIO_APP_URL,
    [PIPELINE_VARIABLE]: control,
  }
}

/** Holds the address of the running pipeline's control server. */
export const PIPELINE_VARIABLE = 'CIO_GCP_PIPELINE'

/** Where the local stack's parts are reached. */
export interface LocalHosts {
  readonly projectId: string
  /** `host:port`, as the emulator variables want it. */
  readonly pubsub: string
  readonly firestore: string
  /** With `http://`, as the BigQuery client wants it. */
  readonly bigquery: string
  readonly trackUrl: string
  readonly appUrl: string
  /** Address of the webhook function. */
  readonly webhookUrl: string
  readonly region: 'us' | 'eu'
  /** File that holds a secret's value, as Secret Manager would mount it. */
  secretFile(name: string): string
  /** The account's limit, of which each process gets its share. */
  readonly requestsPerSecond: number
  /** How many processes a function's share is divided among; 1 by default: one stands for all instances. */
  readonly instances?: Readonly<Record<string, number>>
}

/**
 * The environment variables of one function, by the rules at the head of `terraform/pipeline.yaml`: the same that
 * Terraform sets, with the addresses of the local stack instead of the cloud's.
 */
export function functionEnvironment(topology: Topology, name: string, hosts: LocalHosts): Record<string, string> {
  const fn = topology.functions[name]
  if (fn === undefined) throw new Error(`terraform/pipeline.yaml has no function ${name}`)
  const env: Record<string, string> = {
    GOOGLE_CLOUD_PROJECT: hosts.projectId,
    LOG_LEVEL: 'INFO',
    METADATA_SERVER_DETECTION: 'none',
    PUBSUB_EMULATOR_HOST: hosts.pubsub,
    BODY_MEMORY_BYTES: String(bodyMemoryBytes(fn.memory)),
    NODE_OPTIONS: nodeOptions(fn.memory, fn.environment.NODE_OPTIONS),
  }
  for (const secret of fn.secrets) env[`${secret}_FILE`] = hosts.secretFile(secret)
  const instances = hosts.instances?.[name] ?? 1
  const rate = (limit: number, share: number) => String((limit * topology.customerio.headroom * share) / instances)
  if (fn.rate_share !== undefined) {
    env.CUSTOMERIO_REQUESTS_PER_SECOND = rate(hosts.requestsPerSecond, fn.rate_share)
    env.CUSTOMERIO_TRACK_URL = hosts.trackUrl
    // Nobody here exists, and nothing leaves the machine.
    env.RECIPIENTS = 'anyone'
  }
  if (fn.rate_share !== undefined || fn.look_up_share !== undefined) {
    env.CUSTOMERIO_REGION = hosts.region
    env.CUSTOMERIO_APP_URL = hosts.appUrl
  }
  const { broadcasts_per_second: broadcasts, app_requests_per_second: appRequests } = topology.customerio
  if (fn.broadcast_share !== undefined) env.CUSTOMERIO_BROADCASTS_PER_SECOND = rate(broadcasts, fn.broadcast_share)
  if (fn.look_up_share !== undefined) env.CUSTOMERIO_LOOK_UPS_PER_SECOND = rate(appRequests, fn.look_up_share)
  const subscription = Object.values(topology.subscriptions).find(({ push }) => push === name)
  if (subscription !== undefined) env.ACK_DEADLINE_SECONDS = String(subscription.ack_deadline_seconds)
  if (subscription?.dead_letter_topic !== undefined) {
    env.DEAD_LETTER_TOPIC = subscription.dead_letter_topic
    env.MAX_DELIVERY_ATTEMPTS = String(subscription.max_delivery_attempts)
  }
  if (fn.moves_floods && subscription !== undefined) env.BULK_LANE_TOPIC = subscription.topic
  if (fn.publishes !== undefined) env.WEBHOOK_EVENTS_TOPIC = fn.publishes
  if (fn.probes.length > 0) env.PROBE_WEBHOOK_URL = hosts.webhookUrl
  if (fn.warehouse || fn.probes.length > 0) {
    env.BIGQUERY_DATASET = topology.bigquery.dataset
    env.BIGQUERY_EMULATOR_HOST = hosts.bigquery
  }
  if (fn.ledger) {
    env.SEND_LEDGER_DATABASE = topology.ledger.database
    env.SEND_LEDGER_COLLECTION = topology.ledger.collection
    env.SEND_LEDGER_TTL_DAYS = String(topology.ledger.ttl_days)
    env.FIRESTORE_EMULATOR_HOST = hosts.firestore
  }
  return { ...fn.environment, ...env }
}
