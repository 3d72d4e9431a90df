import { assess, type WebhookAnswer } from './real-webhooks.ts'

const NOW_MS = Date.parse('2026-11-26T12:00:00Z')
const MINUTE_MS = 60_000
const THEIRS = '35.188.196.183'
const isCustomerIo = (address: string) => address === THEIRS

const answer = (status: number, minutesAgo: number, remoteAddress = THEIRS): WebhookAnswer => ({
  status,
  atMs: NOW_MS - minutesAgo * MINUTE_MS,
  remoteAddress,
})
const findings = (...answers: readonly WebhookAnswer[]) =>
  assess(answers, { isCustomerIo, nowMs: NOW_MS }).map(({ state, note }) => `${state}: ${note}`)

describe('the webhooks of a day', () => {
  it('that were accepted are counted, with the age of the last one', () => {
    expect(findings(answer(204, 3), answer(204, 90))).toEqual([
      'ok: 2 webhooks of Customer.io accepted in the last day, the last 3 min ago',
    ])
  })

  it('of which none came show nothing', () => {
    expect(findings()).toEqual([expect.stringContaining('warning: none of Customer.io accepted')])
    // A stranger's, or our own test event, is no sign of Customer.io's key.
    expect(findings(answer(204, 1, '203.0.113.9'))).toEqual([
      expect.stringContaining('warning: none of Customer.io accepted'),
      "ok: 1 request from other addresses: not Customer.io's",
    ])
  })

  it('that Customer.io signed with another key are wrong, until one is accepted again', () => {
    expect(findings(answer(401, 5), answer(401, 65), answer(204, 200))).toEqual([
      expect.stringContaining('ok: 1 webhook'),
      expect.stringContaining('wrong: Customer.io was answered 401 2 times, last 5 min ago'),
    ])
    expect(findings(answer(401, 65), answer(204, 2))).toEqual([
      expect.stringContaining('ok: 1 webhook'),
      expect.stringContaining('warning: Customer.io was answered 401 1 time'),
    ])
  })

  it('that strangers signed are not Customer.io’s, however many', () => {
    const scans = Array.from({ length: 500 }, (_, index) => answer(401, index, '203.0.113.9'))
    expect(findings(answer(204, 1), ...scans)).toEqual([
      expect.stringContaining('ok: 1 webhook'),
      "ok: 500 requests from other addresses: not Customer.io's",
    ])
  })

  it('that failed otherwise are told by status', () => {
    expect(findings(answer(204, 1), answer(503, 9), answer(503, 8), answer(429, 7))).toEqual([
      expect.stringContaining('ok'),
      expect.stringContaining('warning: Customer.io was answered 503 2 times, last 8 min ago'),
      expect.stringContaining('warning: Customer.io was answered 429 1 time'),
    ])
  })
})
