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

/** `httpStatus` is written as `http_status`: under these names the metrics in Terraform read the fields. */
type WrittenName<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${WrittenName<Rest>}`
  : Name
type WrittenFields = {
  [Field in Exclude<keyof LogFields, 'trace'> as WrittenName<Field>]: LogFields[Field] | undefined
}

/** What every line has. */
interface Head {
  readonly severity: Severity
  readonly time: string
  readonly labels: object
  readonly trace: string | undefined
  readonly message: string
}

/**
 * Only the known fields, whatever an object carries besides. One literal and one `JSON.stringify`: with names that are added it
 * would be a hash table, and a text that grows field by field keeps all of its steps.
 */
function lineOf({ severity, time, labels, trace, message }: Head, fields: LogFields): string {
  const line: WrittenFields & Record<string, unknown> = {
    severity,
    time,
    'logging.googleapis.com/labels': labels,
    event: fields.event,
    outcome: fields.outcome,
    reason: fields.reason,
    cause: fields.cause,
    note: fields.note,
    error: fields.error,
    place: fields.place,
    http_status: fields.httpStatus,
    answer: fields.answer,
    message_id: fields.messageId,
    source_message_id: fields.sourceMessageId,
    topic: fields.topic,
    publish_time: fields.publishTime,
    key_hash: fields.keyHash,
    action: fields.action,
    event_name: fields.eventName,
    template: fields.template,
    send_at: fields.sendAt,
    queue_draft: fields.queueDraft,
    attempt: fields.attempt,
    latency_ms: fields.latencyMs,
    age_ms: fields.ageMs,
    batch_id: fields.batchId,
    batch_size: fields.batchSize,
    batch_position: fields.batchPosition,
    queue_wait_ms: fields.queueWaitMs,
    request_ms: fields.requestMs,
    delivery_id: fields.deliveryId,
    operation: fields.operation,
    channel: fields.channel,
    object_type: fields.objectType,
    metric: fields.metric,
    event_id: fields.eventId,
    table: fields.table,
    rows: fields.rows,
    secret: fields.secret,
    hash_key: fields.hashKey,
    persons: fields.persons,
    link: fields.link,
    ok: fields.ok,
    'logging.googleapis.com/trace': trace,
    message,
  }
  return JSON.stringify(line)
}

function traceOf({ trace }: LogFields, projectId: string | undefined): string | undefined {
  const id = trace?.match(/^[0-9a-f]{2}-([0-9a-f]{32})-/)?.[1]
  return id === undefined || projectId === undefined ? undefined : `projects/${projectId}/traces/${id}`
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
  const labels = { function: functionName }
  const timeOf = stamps()
  const writerOf = (severity: Severity): Log['info'] => {
    if (SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(level)) return () => {}
    return (message, fields) => {
      const trace = traceOf(fields, projectId)
      destination.write(`${lineOf({ severity, time: timeOf(clock.now()), labels, trace, message }, fields)}\n`)
    }
  }
  return {
    debug: writerOf('DEBUG'),
    info: writerOf('INFO'),
    warning: writerOf('WARNING'),
    error: writerOf('ERROR'),
  }
}
