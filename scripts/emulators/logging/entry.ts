import { isObject } from '../json.ts'

/** A log entry as Cloud Logging stores it, and as a sink publishes it: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry */
export interface LogEntry {
  readonly logName: string
  readonly insertId: string
  readonly timestamp: string
  readonly receiveTimestamp: string
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> }
  readonly severity: string
  readonly labels?: unknown
  readonly trace?: unknown
  readonly jsonPayload?: Readonly<Record<string, unknown>>
  readonly textPayload?: string
}

export interface LineSource {
  readonly project: string
  /** The Cloud Run service whose instance wrote the line to its standard output. */
  readonly service: string
  readonly insertId: string
  readonly receivedAtMs: number
}

/**
 * The entry of a line of standard output. A line that is a JSON object becomes the payload, without the fields that Cloud
 * Logging treats specially (https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields).
 */
export function entryOfLine(line: string, { project, service, insertId, receivedAtMs }: LineSource): LogEntry {
  const receiveTimestamp = new Date(receivedAtMs).toISOString()
  const common = {
    logName: `projects/${project}/logs/run.googleapis.com%2Fstdout`,
    insertId,
    receiveTimestamp,
    resource: { type: 'cloud_run_revision', labels: { project_id: project, service_name: service } },
  }
  const parsed = parse(line)
  if (parsed === undefined) return { ...common, timestamp: receiveTimestamp, severity: 'DEFAULT', textPayload: line }
  const {
    severity = 'DEFAULT',
    time,
    'logging.googleapis.com/labels': labels,
    'logging.googleapis.com/trace': trace,
    ...jsonPayload
  } = parsed
  return {
    ...common,
    timestamp: typeof time === 'string' ? time : receiveTimestamp,
    severity: String(severity),
    ...(labels !== undefined && { labels }),
    ...(trace !== undefined && { trace }),
    jsonPayload,
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
