/** gRPC's codes, https://grpc.io/docs/guides/status-codes, of those that something here decides by. */
export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  /** Something in the request, which may be one message of several. */
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

/** A call that failed, with gRPC's number as its `code`, as in Google's clients. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  readonly code: number
  /** Whether the call certainly reached no server, so that repeating it is no second call. */
  readonly unsent: boolean

  constructor(code: number, details: string, { unsent = false, cause }: { unsent?: boolean; cause?: unknown } = {}) {
    super(`${code}: ${details}`, { cause })
    this.code = code
    this.unsent = unsent
  }
}

/** For a server that answers no gRPC, https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md. */
export function codeOfHttpStatus(status: number): number {
  switch (status) {
    case 400:
      return STATUS.INTERNAL
    case 401:
      return STATUS.UNAUTHENTICATED
    case 403:
      return STATUS.PERMISSION_DENIED
    case 404:
      return STATUS.UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return STATUS.UNAVAILABLE
    default:
      return STATUS.UNKNOWN
  }
}
