import { safeErrorName } from '../errors/index.ts'
import type { CallOutcome } from '../outcome/index.ts'

/** Rate, pause and credentials have been checked: the call can be made now. Exactly one of the two is called. */
export interface ReadyToSend {
  /** Makes the call at once. `retry` and `refused` mean that it was certainly not sent; a throw counts as `uncertain`. */
  readonly send: () => Promise<CallOutcome>
  /** The call is not made after all. */
  readonly cancel: () => void
}

/** Makes the call. Never rejects: of a call that failed for an unknown reason nobody knows whether it sent. */
export async function makeCall({ send }: ReadyToSend): Promise<CallOutcome> {
  try {
    return await send()
  } catch (error) {
    return { kind: 'uncertain', error: `the call failed: ${safeErrorName(error)}` }
  }
}
