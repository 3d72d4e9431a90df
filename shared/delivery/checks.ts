import type { Clock } from '../clock/index.ts'
import { NOT_SENT_REASONS, type NotSent, type NotSentReason, type Retry } from '../outcome/index.ts'
import type { ReceivedMessage } from './push.ts'

/** What one check says of a message. */
export type Checked<T> =
  /** It goes on, perhaps changed, which `note` then says in the record. */
  | { readonly ok: true; readonly value: T; readonly note?: 'redirected' }
  /** It is not sent. `error` says by which rule, and what to do about it; it names no address. */
  | { readonly ok: false; readonly error: string; readonly isDropped?: boolean }
  /** It cannot be told now. */
  | { readonly ok: false; readonly retry: Retry }

export type Check<T> = (value: T, message: ReceivedMessage) => Checked<T> | Promise<Checked<T>>

/** One check per reason not to send a message. They are asked in the order of {@link NOT_SENT_REASONS}. */
export type Checks<T> = Readonly<Record<NotSentReason, Check<T>>>

/** Lets every message through. */
export const passes = <T>(value: T): Checked<T> => ({ ok: true, value })

/** The check of `expires_at`. Pub/Sub gives a message up to seven days late: a code that is valid for ten minutes helps nobody. */
export function expiryCheck<T extends { readonly expiresAtSeconds?: number }>({ now }: Pick<Clock, 'now'>): Check<T> {
  return (value) => {
    const { expiresAtSeconds: seconds } = value
    if (seconds === undefined || now() < seconds * 1_000) return passes(value)
    return { ok: false, error: `its attribute expires_at, ${new Date(seconds * 1_000).toISOString()}, was over` }
  }
}

/** What all checks together say of a message: its value for delivery, or why it is not sent. */
export type Decision<T> =
  | { readonly ok: true; readonly value: T; readonly note?: 'redirected' }
  | { readonly ok: false; readonly notSent: NotSent }
  | { readonly ok: false; readonly retry: Retry }

/**
 * Asks the checks in their order. The first that stops the message decides. One whose reason the attribute `released` names
 * (`guarded`, or several with commas) is left out: an operator replays the dead letter, to be sent all the same.
 */
export async function runChecks<T>(checks: Checks<T>, value: T, message: ReceivedMessage): Promise<Decision<T>> {
  const released = message.attributes.released?.split(',')
  let passed = value
  let note: 'redirected' | undefined
  for (const reason of NOT_SENT_REASONS) {
    if (released?.includes(reason)) continue
    const answer = checks[reason](passed, message)
    // Most answer at once, and each wait takes as long as the rest of this loop.
    const checked = answer instanceof Promise ? await answer : answer
    if (!checked.ok && 'retry' in checked) return checked
    if (!checked.ok) {
      const { error, isDropped } = checked
      return { ok: false, notSent: { kind: reason, error, ...(isDropped && { isDropped }) } }
    }
    passed = checked.value
    note = checked.note ?? note
  }
  return { ok: true, value: passed, ...(note && { note }) }
}
