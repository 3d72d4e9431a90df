import { manualClock } from '../clock/testing/manual-clock.ts'
import { complete, type SendOnceOptions } from './options.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'

const clock = manualClock()
const required: SendOnceOptions = {
  ledger: createMemoryLedger(clock),
  clock,
  newToken: () => 'token',
  requestTimeoutMs: 10_000,
  ttlMs: 86_400_000,
}

it('has a default for every option that is missing, or there but undefined', () => {
  const { isDraining, onLedgerError, ...rest } = complete({ ...required, leaseMarginMs: undefined })
  expect(rest).toEqual({
    ...required,
    leaseMarginMs: 20_000,
    freezeMarginMs: 10_000,
    listDelayMs: 60_000,
    lookUpTimeoutMs: 10_000,
    onNotFound: 'dead_letter',
    claimTimeoutMs: 5_000,
    writeTimeoutMs: 1_500,
  })
  expect(isDraining()).toBe(false)
  expect(onLedgerError(new Error('down'), 'before_the_call')).toBeUndefined()
})

it('keeps what is given', () => {
  const given: Required<SendOnceOptions> = {
    ...required,
    leaseMarginMs: 1,
    freezeMarginMs: 2,
    listDelayMs: 3,
    lookUpTimeoutMs: 4,
    onNotFound: 'resend',
    claimTimeoutMs: 5,
    writeTimeoutMs: 6,
    isDraining: () => true,
    onLedgerError: () => {},
  }
  expect(complete(given)).toEqual(given)
})
