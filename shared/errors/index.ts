export { placeOf } from './place.ts'

/**
 * All that may be logged of an error whose words we did not write: they may quote a person, a body or a credential.
 *
 * @returns the class of the error, such as `TypeError`, or the type of what was thrown instead of one
 */
export function safeErrorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

/** The code of an error of Node (`ECONNREFUSED`), of gRPC (5), or of a Google API (404). It quotes nothing. */
export function codeOf(error: unknown): string | number | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' || typeof code === 'number' ? code : undefined
}
