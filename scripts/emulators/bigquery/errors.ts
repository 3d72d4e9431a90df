/** An answer that BigQuery gives instead of a result. `reason` is one of BigQuery's own, such as `notFound` or `invalidQuery`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly httpStatus: number
  readonly reason: string

  constructor(httpStatus: number, reason: string, message: string) {
    super(message)
    this.httpStatus = httpStatus
    this.reason = reason
  }

  /** The body as Google's JSON APIs write it. */
  get body(): Record<string, unknown> {
    const { httpStatus: code, message, reason } = this
    return { error: { code, message, errors: [{ message, domain: 'global', reason }], status: reason } }
  }
}

export const notFound = (what: string): ApiError => new ApiError(404, 'notFound', `Not found: ${what}`)
export const duplicate = (what: string): ApiError => new ApiError(409, 'duplicate', `Already Exists: ${what}`)
export const invalid = (message: string): ApiError => new ApiError(400, 'invalid', message)
export const invalidQuery = (message: string): ApiError => new ApiError(400, 'invalidQuery', message)
