import { TimeoutError } from '../../shared/clock/index.ts'
import { safeErrorName } from '../../shared/errors/index.ts'
import { isRecord } from '../../shared/json/index.ts'
import type { CallOutcome } from '../../shared/outcome/index.ts'

/** The codes of gRPC that a publish may end with, in the words of its documents. */
const GRPC: Readonly<Record<number, string>> = {
  3: 'invalid_argument',
  4: 'timeout',
  5: 'not_found',
  7: 'permission_denied',
  8: 'resource_exhausted',
  14: 'unavailable',
  16: 'unauthenticated',
}

/** Why a request of a client library failed, in a word or two without anything that a server said. */
export function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return 'timeout'
  const { code, cause } = isRecord(error) ? error : {}
  if (typeof code === 'number') return GRPC[code] ?? (code >= 100 ? `http_${code}` : `grpc_${code}`)
  if (typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code)) return code.toLowerCase()
  // The publisher's own error, and that of fetch, say only that it failed; what they were caused by says how.
  if (cause !== undefined) return reasonOf(cause)
  return safeErrorName(error)
}

/** Why Customer.io did not give what it was asked for, in the same words. */
export function reasonOfOutcome(outcome: Exclude<CallOutcome, { kind: 'delivered' }>): string {
  if (outcome.httpStatus !== undefined) return `http_${outcome.httpStatus}`
  return outcome.reason ?? (outcome.kind === 'retry' ? outcome.cause : outcome.kind)
}
