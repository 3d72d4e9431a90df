import type { Clock } from '../clock/index.ts'

/**
 * The fields a log line may have. Attributes, e-mail addresses, ids of people and bodies are not among them,
 * and anything that is not on this list does not reach a log. Persons are hashed with a key (`shared/identity`).
 */
export type LogFields = {
  readonly event: string
  readonly outcome?: string
  readonly reason?: string
  readonly cause?: string
  readonly note?: string
  readonly error?: string
  /** In our sources, where an error was thrown. */
  readonly place?: string
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
  /** When a send is to leave, RFC 3339; absent if at once. */
  readonly sendAt?: string
  /** Whether a send waits as a draft until somebody sends it. */
  readonly queueDraft?: boolean
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

/** The least severe first. */
const SEVERITIES = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const
type Severity = (typeof SEVERITIES)[number]

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

/** Under these names the metrics in Terraform read them. `trace` has a form of its own. */
const FIELD_NAMES: Readonly<Record<Exclude<keyof LogFields, 'trace'>, string>> = {
  event: 'event',
  outcome: 'outcome',
  reason: 'reason',
  cause: 'cause',
  note: 'note',
  error: 'error',
  place: 'place',
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
  sendAt: 'send_at',
  queueDraft: 'queue_draft',
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
}

/** What stands before the value of each field. */
const STARTS = new Map(Object.entries(FIELD_NAMES).map(([field, name]) => [field, `,"${name}":`]))

/**
 * Only the known fields, whatever an object carries besides. They are written one by one: an object with so many properties
 * that are added by name becomes a hash table, which takes several times as long.
 */
function textOf(fields: Readonly<Record<string, unknown>>): string {
  let text = ''
  for (const field in fields) {
    const value = fields[field]
    const start = STARTS.get(field)
    if (value !== undefined && start !== undefined) text += start + JSON.stringify(value)
  }
  return text
}

function traceOf({ trace }: LogFields, projectId: string | undefined): string {
  const id = trace?.match(/^[0-9a-f]{2}-([0-9a-f]{32})-/)?.[1]
  if (id === undefined || projectId === undefined) return ''
  return `,"logging.googleapis.com/trace":${JSON.stringify(`projects/${projectId}/traces/${id}`)}`
}

/** Times in RFC 3339: the messages of a batch end in the same millisecond. */
function stamps(): (ms: number) => string {
  let latest = { ms: Number.NaN, text: '' }
  return (ms) => {
    if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() }
    return latest.text
  }
}

/** A log that writes one JSON line per event, with `severity`, `message`, labels and trace as Cloud Logging reads them. */
export function createLog({ functionName, level = 'INFO', projectId, destination, clock }: LogOptions): Log {
  const labels = JSON.stringify({ function: functionName })
  const timeOf = stamps()
  const writerOf = (severity: Severity): Log['info'] => {
    if (SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(level)) return () => {}
    return (message, fields) => {
      const start = `{"severity":"${severity}","time":"${timeOf(clock.now())}","logging.googleapis.com/labels":${labels}`
      const end = `${traceOf(fields, projectId)},"message":${JSON.stringify(message)}}\n`
      destination.write(start + textOf(fields) + end)
    }
  }
  return {
    debug: writerOf('DEBUG'),
    info: writerOf('INFO'),
    warning: writerOf('WARNING'),
    error: writerOf('ERROR'),
  }
}
