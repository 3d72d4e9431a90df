/**
 * Times of a chaos run, shorter than in the cloud so that a run is dense in faults. What has to hold between them holds:
 * a delivery is listed before the settle time is over, the lease is the request's timeout and the margin, and of the
 * margin ten seconds are for freezes.
 */
export const CHAOS_TIMES = {
  requestTimeoutMs: 1_000,
  leaseMarginSeconds: 11,
  freezeMarginMs: 10_000,
  settleSeconds: 5,
  /** How long until Customer.io's list shows a delivery. */
  deliveryDelayMs: 1_000,
  /** Of transactional: a held push is delivered again to the other instance while the first one still works on it. */
  ackDeadlineSeconds: 10,
  /** 1 s to 600 s become 20 ms to 12 s. */
  backoffScale: 0.02,
} as const

/**
 * A send that timed out is taken in this much later at most, if the look-up is to find it. A machine so
 * busy that the servers stand still for longer breaks what the ledger is promised, and not the ledger.
 */
export const LONGEST_HARMLESS_PAUSE_MS =
  CHAOS_TIMES.requestTimeoutMs + CHAOS_TIMES.settleSeconds * 1_000 - CHAOS_TIMES.deliveryDelayMs

/** What an uncertain send becomes of which Customer.io's list shows nothing. */
export type OnNotFound = 'resend' | 'dead_letter'

export function chaosEnvironment(onNotFound: OnNotFound): Record<string, string> {
  return {
    CUSTOMERIO_REQUEST_TIMEOUT_MS: String(CHAOS_TIMES.requestTimeoutMs),
    SEND_LEDGER_LEASE_MARGIN_SECONDS: String(CHAOS_TIMES.leaseMarginSeconds),
    SEND_LEDGER_SETTLE_SECONDS: String(CHAOS_TIMES.settleSeconds),
    SEND_LEDGER_ON_NOT_FOUND: onNotFound,
  }
}
