import * as z from 'zod'
import {
  appApiSettings,
  bulkLaneSettings,
  cancelSettings,
  insertBatchSettings,
  ledgerSettings,
  personSettings,
  probeSettings,
  processSettings,
  pushSettings,
  recipientSettings,
  trackApiSettings,
  trackBatchSettings,
  warehouseSettings,
  webhookSettings,
} from './groups.ts'
import { webhookMemoryProblems } from './memory.ts'
import { parse } from './parse.ts'
import type { Environment } from './setting.ts'
import { probeTimes, timeProblems, trackApiTimes, transactionalTimes, warehouseTimes } from './times.ts'

/**
 * What each function is told by its environment, parsed once at start.
 *
 * A `parse…` throws a ConfigurationError that lists everything wrong at once. The function's entry point catches it,
 * logs it, and answers every request 503: nothing is lost (Pub/Sub and Customer.io deliver again), the log says what
 * to set, and the alert on errors sees it, which a process that ends at start would leave to a platform's message
 * about a failed health check.
 */

/** A schema is built when it is first needed, which costs a start; a simulation starts thousands of instances in one process. */
function once<Schema>(build: () => Schema): () => Schema {
  let built: Schema | undefined
  return () => (built ??= build())
}

const trackSchema = once(() =>
  z.object({
    ...processSettings(),
    ...pushSettings(),
    ...personSettings(),
    ...recipientSettings(),
    ...cancelSettings(),
    trackApi: trackApiSettings(),
    batch: trackBatchSettings(),
  }),
)

const identifySchema = once(() => trackSchema().extend({ bulkLane: bulkLaneSettings() }))

const transactionalSchema = once(() =>
  z.object({
    ...processSettings(),
    ...pushSettings(),
    ...personSettings(),
    ...recipientSettings(),
    ...cancelSettings(),
    appApi: appApiSettings(),
    ledger: ledgerSettings(),
  }),
)

const webhookSchema = once(() => z.object({ ...processSettings(), ...webhookSettings() }))

const warehouseSchema = once(() =>
  z.object({ ...processSettings(), ...pushSettings(), ...warehouseSettings(), batch: insertBatchSettings() }),
)

const probeSchema = once(() => z.object({ ...processSettings(), ...probeSettings() }))

/** The settings of each function, by its name. */
export const FUNCTION_SCHEMAS = {
  identify: identifySchema,
  track: trackSchema,
  transactional: transactionalSchema,
  webhook: webhookSchema,
  warehouse: warehouseSchema,
  probe: probeSchema,
} as const

type Config<Name extends keyof typeof FUNCTION_SCHEMAS> = z.output<ReturnType<(typeof FUNCTION_SCHEMAS)[Name]>>

/** What every function has. */
export type ProcessConfig = Pick<WebhookConfig, 'projectId' | 'logLevel'>
export type IdentifyConfig = Config<'identify'>
export type TrackConfig = Config<'track'>
export type TransactionalConfig = Config<'transactional'>
export type WebhookConfig = Config<'webhook'>
export type WarehouseConfig = Config<'warehouse'>
export type ProbeConfig = Config<'probe'>

/** @throws {ConfigurationError} */
export function parseIdentifyConfig(env: Environment): IdentifyConfig {
  return parse(identifySchema(), env, (config) => timeProblems(trackApiTimes(config), config.ackDeadlineMs))
}

/** @throws {ConfigurationError} */
export function parseTrackConfig(env: Environment): TrackConfig {
  return parse(trackSchema(), env, (config) => timeProblems(trackApiTimes(config), config.ackDeadlineMs))
}

/** @throws {ConfigurationError} */
export function parseTransactionalConfig(env: Environment): TransactionalConfig {
  return parse(transactionalSchema(), env, (config) => timeProblems(transactionalTimes(config), config.ackDeadlineMs))
}

/** @throws {ConfigurationError} */
export function parseWebhookConfig(env: Environment): WebhookConfig {
  return parse(webhookSchema(), env, webhookMemoryProblems)
}

/** @throws {ConfigurationError} */
export function parseWarehouseConfig(env: Environment): WarehouseConfig {
  return parse(warehouseSchema(), env, (config) => timeProblems(warehouseTimes(config), config.ackDeadlineMs))
}

/** @throws {ConfigurationError} */
export function parseProbeConfig(env: Environment): ProbeConfig {
  return parse(probeSchema(), env, (config) => timeProblems(probeTimes(config), config.ackDeadlineMs))
}
