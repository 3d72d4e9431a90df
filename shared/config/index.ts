export {
  FUNCTION_SCHEMAS,
  type IdentifyConfig,
  type ProbeConfig,
  type ProcessConfig,
  parseIdentifyConfig,
  parseProbeConfig,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
  parseWebhookConfig,
  type TrackConfig,
  type TransactionalConfig,
  type WarehouseConfig,
  type WebhookConfig,
} from './functions.ts'
export { doubtfulSettings } from './groups.ts'
export { LEAST_BODY_MEMORY_BYTES, MEMORY_PER_BODY_BYTE, parsedMemory } from './memory.ts'
export { ConfigurationError, variablesOf } from './parse.ts'
export type { SetBy, Variable } from './setting.ts'
export {
  BODY_TIMEOUT_MS,
  DRAIN_LIMIT_MS,
  PROBE_STEP_TIMEOUT_MS,
  PUBLISH_TIMEOUT_MS,
  SEND_PROBE_TIMEOUT_MS,
} from './times.ts'
