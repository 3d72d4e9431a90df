import { NOT_SENT_REASONS } from '../outcome/index.ts'
import { type Checked, type Checks, expiryCheck, passes, runChecks } from './checks.ts'
import type { ReceivedMessage } from './push.ts'

const stops: () => Checked<string> = () => ({ ok: false, error: 'stopped' })
const all: Checks<string> = { expired: stops, cancelled: stops, guarded: stops }

function message(attributes: Record<string, string> = {}): ReceivedMessage {
  return {
    ...{ data: Buffer.from('{}'), dataIsIntact: true, attributes, messageId: '1', orderingKey: undefined },
    ...{ publishTime: '2026-11-21T10:00:00Z', subscription: 's', deliveryAttempt: 1 },
  }
}

it('asks in the order of the reasons, and the first that stops a message decides', async () => {
  const asked: string[] = []
  const checks = Object.fromEntries(
    NOT_SENT_REASONS.toReversed().map((reason) => [
      reason,
      (value: string) => {
        asked.push(reason)
        return reason === 'guarded' ? stops() : passes(value)
      },
    ]),
  ) as unknown as Checks<string>
  expect(await runChecks(checks, 'value', message())).toEqual({
    ok: false,
    notSent: { kind: 'guarded', error: 'stopped' },
  })
  expect(asked).toEqual(['expired', 'cancelled', 'guarded'])
})

it.each([
  ['', 'expired'],
  ['expired', 'cancelled'],
  ['guarded,expired', 'cancelled'],
  ['expired,cancelled', 'guarded'],
  ['Expired', 'expired'],
])('leaves out what %j releases, so that %s decides', async (released, kind) => {
  expect(await runChecks(all, 'value', message({ released }))).toMatchObject({ notSent: { kind } })
})

it('delivers what all three reasons are released of', async () => {
  const released = NOT_SENT_REASONS.join(',')
  expect(await runChecks(all, 'value', message({ released }))).toEqual({ ok: true, value: 'value' })
})

it('hands a changed value on, with what the record says of it', async () => {
  const checks: Checks<string> = {
    expired: passes,
    cancelled: (value) => ({ ok: true, value: `${value} changed`, note: 'redirected' }),
    guarded: (value) => ({ ok: true, value: `${value} twice` }),
  }
  expect(await runChecks(checks, 'value', message())).toEqual({
    ...{ ok: true, value: 'value changed twice', note: 'redirected' },
  })
})

it('tells nothing while a check cannot', async () => {
  const retry = { kind: 'retry', cause: 'transient', error: 'no answer' } as const
  const checks: Checks<string> = { expired: passes, cancelled: async () => ({ ok: false, retry }), guarded: stops }
  expect(await runChecks(checks, 'value', message())).toEqual({ ok: false, retry })
})

describe('the check of expires_at', () => {
  const check = expiryCheck<{ expiresAtSeconds?: number }>({ now: () => 1_000_000 })

  it.each([
    ['no expiry', {}, true],
    ['a second left', { expiresAtSeconds: 1_001 }, true],
    ['its very moment', { expiresAtSeconds: 1_000 }, false],
    ['a second over', { expiresAtSeconds: 999 }, false],
  ])('with %s', async (_, value, ok) => {
    expect(await check(value, message())).toMatchObject({ ok })
  })

  it('says since when', async () => {
    expect(await check({ expiresAtSeconds: 999 }, message())).toEqual({
      ...{ ok: false, error: 'its attribute expires_at, 1970-01-01T00:16:39.000Z, was over' },
    })
  })
})
