export {
  ConfigurationError,
  type IdentifyConfig,
  parseIdentifyConfig,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
  parseWebhookConfig,
  type TrackConfig,
  type TransactionalConfig,
  type WarehouseConfig,
  type WebhookConfig,
} from './functions.ts'
export type {
  AppApiConfig,
  BatchConfig,
  DeadLetterConfig,
  LedgerConfig,
  ProcessConfig,
  TrackApiConfig,
} from './parts.ts'
