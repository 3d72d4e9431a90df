import { entryOfLine, type LogEntry } from '../../../scripts/emulators/logging/index.ts'

/**
 * Log entries as Cloud Logging stores them. Those of our functions come from their own code; the shape of those that Google
 * writes follows its documents, which each names.
 */

/** Of the environment whose filters the tests read. */
export const PROJECT = 'acme-customerio-prod'

const logName = (id: string) => `projects/${PROJECT}/logs/${id.replace('/', '%2F')}`
const revisionOf = (service: string) => ({ type: 'cloud_run_revision', labels: { service_name: service } })

/** A line of a function, written to its standard output. */
export function entryOf(line: string): LogEntry {
  const { 'logging.googleapis.com/labels': labels } = JSON.parse(line)
  return entryOfLine(line, { project: PROJECT, service: labels.function, insertId: '1', receivedAtMs: 0 })
}

/** What Node writes to standard error when it dies. */
export function stderrEntry(service: string, textPayload: string): unknown {
  const resource = revisionOf(service)
  return { logName: logName('run.googleapis.com/stderr'), resource, severity: 'DEFAULT', textPayload }
}

interface RequestLine {
  readonly service?: string
  readonly status: number
  /** By default one of Customer.io's. */
  readonly from?: string
  readonly method?: string
  /** From 0 to 1, for samples. */
  readonly insertId?: number
}

export const CUSTOMERIO_ADDRESS = '34.76.143.229'
export const STRANGERS_ADDRESS = '203.0.113.9'

/** A line of Cloud Run's request log: https://cloud.google.com/run/docs/logging. */
export function requestEntry({
  service = 'webhook',
  status,
  from,
  method = 'POST',
  insertId = 0,
}: RequestLine): unknown {
  return {
    logName: logName('run.googleapis.com/requests'),
    insertId,
    resource: revisionOf(service),
    severity: status >= 500 ? 'ERROR' : status >= 400 ? 'WARNING' : 'INFO',
    httpRequest: { requestMethod: method, status, remoteIp: from ?? CUSTOMERIO_ADDRESS },
  }
}

/** A line of Cloud Run about an instance: https://cloud.google.com/run/docs/troubleshooting. */
export function instanceEntry(service: string, severity: string, textPayload: string): unknown {
  return {
    logName: logName('run.googleapis.com/varlog%2Fsystem'),
    resource: revisionOf(service),
    severity,
    textPayload,
  }
}

/** The end of a deployment: https://cloud.google.com/functions/docs/monitoring/audit-logging. */
export function deploymentEntry(functionName: string, severity: 'NOTICE' | 'ERROR'): unknown {
  return {
    logName: logName('cloudaudit.googleapis.com/activity'),
    resource: { type: 'cloud_function', labels: { function_name: functionName } },
    severity,
    protoPayload: {
      serviceName: 'cloudfunctions.googleapis.com',
      methodName: 'google.cloud.functions.v2.FunctionService.UpdateFunction',
      ...(severity === 'ERROR' && { status: { code: 13, message: 'Build failed' } }),
    },
  }
}

/** A revision that does not become ready: https://cloud.google.com/run/docs/audit-logging. */
export function revisionEntry(service: string): unknown {
  return {
    logName: logName('cloudaudit.googleapis.com/system_event'),
    resource: revisionOf(service),
    severity: 'ERROR',
    protoPayload: {
      serviceName: 'run.googleapis.com',
      methodName: '/InternalServices.ReplaceInternalService',
      status: { code: 9, message: 'Ready condition status changed to False for Revision' },
    },
  }
}

/** A read of a secret: https://cloud.google.com/secret-manager/docs/audit-logging. */
export function secretReadEntry(by: string, secret: string, version = 'latest'): unknown {
  return {
    logName: logName('cloudaudit.googleapis.com/data_access'),
    resource: { type: 'audited_resource', labels: { service: 'secretmanager.googleapis.com' } },
    severity: 'INFO',
    protoPayload: {
      serviceName: 'secretmanager.googleapis.com',
      methodName: 'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion',
      resourceName: `projects/1/secrets/${secret}/versions/${version}`,
      authenticationInfo: { principalEmail: by },
    },
  }
}
