/**
 * All that may be logged of an error whose words we did not write: they may quote a person, a body or a credential.
 *
 * @returns the class of the error, such as `TypeError`, or the type of what was thrown instead of one
 */
export function safeErrorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
