import { functionEnvironment } from '../local/environment.ts'
import { bodyMemoryBytes, readTopology } from '../topology/topology.ts'

export const HOUR_MS = 3_600_000
/** A message whose attempts are a day apart has long been delivered or dead-lettered: whatever is open then is stuck. */
export const LONGEST_MS = 24 * HOUR_MS
/** After everything has ended: for what a process still does that stood still meanwhile. */
export const LINGERS_MS = 120_000
export const START_MS = Date.parse('2026-11-26T00:00:00Z')
/** Before the last attempt, from which on a function dead-letters. */
export const RESERVED_ATTEMPTS = 3
const REQUESTS_PER_SECOND = 100
/** What pipeline.yaml leaves a function besides the bodies that it holds. */
const BESIDES_BODIES_BYTES = 256 * 1_024 ** 2

export const topology = readTopology()
const HOSTS = {
  projectId: 'simulated',
  pubsub: 'pubsub.simulated',
  firestore: 'firestore.simulated',
  bigquery: 'http://bigquery.simulated',
  trackUrl: 'http://track.simulated/api/v1',
  appUrl: 'http://app.simulated/v1',
  webhookUrl: 'http://webhook.simulated',
  region: 'us',
  requestsPerSecond: REQUESTS_PER_SECOND,
  secretFile: () => '',
} as const
export const RECIPIENTS = JSON.stringify({ allow: ['@example.com', 'id:*'] })
export const SECRETS = {
  CUSTOMERIO_SITE_ID: 'site',
  CUSTOMERIO_TRACK_API_KEY: 'track-key',
  CUSTOMERIO_APP_API_KEY: 'app-key',
  CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'a signing key',
  PERSON_HASH_KEYS: 'a key of thirty-two characters..',
} as const

/** What Terraform sets for a function. */
export function environmentOf(name: string, instances: number, maxAttempts: number): Record<string, string> {
  const env = functionEnvironment(topology, name, { ...HOSTS, instances: { [name]: instances } })
  for (const [variable, value] of Object.entries(SECRETS)) {
    if (delete env[`${variable}_FILE`]) env[variable] = value
  }
  return { ...env, RECIPIENTS, MAX_DELIVERY_ATTEMPTS: String(maxAttempts) }
}

/** Of the container of a function. */
export function memoryOf(name: string): number {
  return bodyMemoryBytes(topology.functions[name]?.memory ?? '1Gi') + BESIDES_BODIES_BYTES
}
