import { TimeoutError } from '../clock/index.ts'
import { codeOf, safeErrorName } from '../errors/index.ts'

/** A document that is not of this ledger's making. */
export class UnreadableRecordError extends Error {
  override readonly name = 'UnreadableRecordError'
}

/** By number, as gRPC defines them: https://grpc.io/docs/guides/status-codes/ */
const STATUS_CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

/**
 * What may be logged of an error of the ledger's store: gRPC's name and number, such as `PERMISSION_DENIED (7)`, or where
 * there is none the class of the error. Words that are not ours stay out: they may quote a document.
 */
export function describeLedgerError(error: unknown): string {
  // The client would go on trying for minutes. This is gRPC's own name for having waited long enough.
  if (error instanceof TimeoutError) return `DEADLINE_EXCEEDED (4): ${error.message}`
  const code = codeOf(error)
  const name = typeof code === 'number' ? STATUS_CODES[code] : undefined
  return name === undefined ? safeErrorName(error) : `${name} (${code})`
}
