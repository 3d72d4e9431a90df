import type { ChaosResult, TroubledAccount } from './run.ts'
import { tableOf } from './table.ts'
import { LONGEST_HARMLESS_PAUSE_MS } from './times.ts'

const COMPLAINTS_SHOWN = 20

/** The table, some figures, and a line for each message with which something is wrong. */
export function describeResult(result: ChaosResult): string {
  const { accounts, faults, pushes, requests, meanBatch, drainMs, longestPauseMs } = result
  const uncertain = accounts.filter(({ fate }) => fate === 'uncertain')
  const complaints = accounts.filter(({ complaint }) => complaint !== undefined)
  return [
    '',
    tableOf(result),
    '',
    `faults ${faults.length}, pushes ${pushes}, requests to Customer.io ${requests}, items a batch ${meanBatch.toFixed(1)}`,
    `dead letters: ${reasonsOf(accounts)}; Customer.io has ${uncertain.filter(({ received }) => received).length} of the ${uncertain.length} uncertain`,
    `drained ${(drainMs / 1_000).toFixed(1)} s after the last fault; the servers stood still for ${longestPauseMs.toFixed(0)} ms at most`,
    ...(longestPauseMs > LONGEST_HARMLESS_PAUSE_MS ? [TOO_BUSY] : []),
    ...complaints.slice(0, COMPLAINTS_SHOWN).map(describeComplaint),
  ].join('\n')
}

const TOO_BUSY =
  "! This machine is too busy for a verdict: Customer.io's list showed sends only after the settle time was over."

function describeComplaint({ message, complaint, faults }: TroubledAccount): string {
  const { topic, mark, nature } = message.planned
  const kinds = [...new Set(faults.map(({ fault }) => fault.kind))].join(', ')
  return `! ${topic} ${mark} (${nature}, message ${message.messageId}): ${complaint}; faults: ${kinds || 'none'}`
}

/** How many dead letters there are for each reason. */
function reasonsOf(accounts: readonly TroubledAccount[]): string {
  const reasons = Map.groupBy(
    accounts.filter(({ reason }) => reason !== undefined),
    ({ reason }) => reason,
  )
  return [...reasons].map(([reason, some]) => `${reason} ${some.length}`).join(', ') || 'none'
}
