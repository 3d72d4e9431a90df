import { pino } from 'pino'
import type { Clock } from '../clock/index.ts'

/**
 * The fields a log line may have. Attributes, e-mail addresses, ids of people and bodies are not among them,
 * and anything that is not on this list does not reach a log. Persons are hashed with a key (`shared/identity`).
 */
export interface LogFields {
  readonly event: string
  readonly outcome?: string
  readonly reason?: string
  readonly cause?: string
  readonly note?: string
  readonly error?: string
  readonly httpStatus?: number
  readonly answer?: number
  /** Of Pub/Sub, as all message ids. */
  readonly messageId?: string
  /** Of the message that this one replays. */
  readonly sourceMessageId?: string
  readonly topic?: string
  /** RFC 3339. */
  readonly publishTime?: string
  /** Of the message's key, hashed with the key that `hashKey` names. */
  readonly keyHash?: string
  /** What a message asks for. */
  readonly action?: string
  readonly eventName?: string
  readonly template?: string
  readonly attempt?: number
  readonly latencyMs?: number
  readonly ageMs?: number
  readonly batchId?: string
  readonly batchSize?: number
  readonly batchPosition?: number
  readonly queueWaitMs?: number
  readonly requestMs?: number
  readonly deliveryId?: string
  readonly operation?: string
  readonly channel?: string
  readonly objectType?: string
  readonly metric?: string
  readonly eventId?: string
  readonly table?: string
  readonly rows?: number
  readonly secret?: string
  /** Id of the key that `keyHash` and `persons` are hashed with. */
  readonly hashKey?: string
  /** One hash per name of a person that the message is about. */
  readonly persons?: readonly string[]
  /** Part of the way to or from Customer.io that the probe tried. */
  readonly link?: string
  readonly ok?: boolean
  readonly trace?: string
}

type Severity = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

/** Structured logging in Cloud Logging's own field names. */
export interface Log {
  debug(message: string, fields: LogFields): void
  info(message: string, fields: LogFields): void
  warning(message: string, fields: LogFields): void
  error(message: string, fields: LogFields): void
}

interface LogOptions {
  /** The function's name: label `function` of every line. */
  readonly functionName: string
  /** Least severity that is written; INFO by default. */
  readonly level?: Severity
  /** For `logging.googleapis.com/trace`, which wants `projects/<project>/traces/<id>`. */
  readonly projectId?: string
  /** Where the lines go, each with its line feed. */
  readonly destination: { write(line: string): unknown }
  /** For the time of each line. */
  readonly clock: Pick<Clock, 'now'>
}

const FIELD_NAMES: Readonly<Record<keyof LogFields, string>> = {
  event: 'event',
  outcome: 'outcome',
  reason: 'reason',
  cause: 'cause',
  note: 'note',
  error: 'error',
  httpStatus: 'http_status',
  answer: 'answer',
  messageId: 'message_id',
  sourceMessageId: 'source_message_id',
  topic: 'topic',
  publishTime: 'publish_time',
  keyHash: 'key_hash',
  action: 'action',
  eventName: 'event_name',
  template: 'template',
  attempt: 'attempt',
  latencyMs: 'latency_ms',
  ageMs: 'age_ms',
  batchId: 'batch_id',
  batchSize: 'batch_size',
  batchPosition: 'batch_position',
  queueWaitMs: 'queue_wait_ms',
  requestMs: 'request_ms',
  deliveryId: 'delivery_id',
  operation: 'operation',
  channel: 'channel',
  objectType: 'object_type',
  metric: 'metric',
  eventId: 'event_id',
  table: 'table',
  rows: 'rows',
  secret: 'secret',
  hashKey: 'hash_key',
  persons: 'persons',
  link: 'link',
  ok: 'ok',
  trace: 'trace',
}

const FIELDS = Object.entries(FIELD_NAMES) as [keyof LogFields, string][]

const PINO_LEVEL = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' } as const
const SEVERITY: Readonly<Record<string, Severity>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' }

/** Only the known fields, under the names that the metrics in Terraform read, whatever an object carries besides. */
function allowed(fields: LogFields, projectId: string | undefined): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  for (const [key, name] of FIELDS) {
    const value = fields[key]
    if (value === undefined || key === 'trace') continue
    line[name] = value
  }
  const traceId = fields.trace?.match(/^[0-9a-f]{2}-([0-9a-f]{32})-/)?.[1]
  if (traceId !== undefined && projectId !== undefined) {
    line['logging.googleapis.com/trace'] = `projects/${projectId}/traces/${traceId}`
  }
  return line
}

/** A log that writes one JSON line per event, with `severity`, `message`, labels and trace as Cloud Logging reads them. */
export function createLog(options: LogOptions): Log {
  const { clock } = options
  const logger = pino(
    {
      base: undefined,
      messageKey: 'message',
      level: PINO_LEVEL[options.level ?? 'INFO'],
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ severity: SEVERITY[label] }) },
    },
    options.destination,
  ).child({ 'logging.googleapis.com/labels': { function: options.functionName } })
  return {
    debug: (message, fields) => logger.debug(allowed(fields, options.projectId), message),
    info: (message, fields) => logger.info(allowed(fields, options.projectId), message),
    warning: (message, fields) => logger.warn(allowed(fields, options.projectId), message),
    error: (message, fields) => logger.error(allowed(fields, options.projectId), message),
  }
}
