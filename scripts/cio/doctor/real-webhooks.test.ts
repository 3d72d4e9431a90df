import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { readEnvironment } from '../environment.ts'
import { assess, type WebhookAnswers } from './real-webhooks.ts'

const NOW_MS = Date.parse('2026-11-26T12:00:00Z')
const MINUTE_MS = 60_000

const answer = (status: number, minutesAgo: number, times = 1): WebhookAnswers => ({
  status,
  atMs: NOW_MS - minutesAgo * MINUTE_MS,
  times,
  fromCustomerIo: true,
})
const strangers = (status: number, times = 1) => ({ ...answer(status, 1, times), fromCustomerIo: false })
const environment = readEnvironment('dev', PROJECT_ROOT)
const connection = { environment, topology: readTopology() }
const fixWith = (access: string, answers: WebhookAnswers) => {
  const values = { region: 'europe-west1', webhook_access: access }
  return assess([answers], NOW_MS, { ...connection, environment: { ...environment, values } }).at(-1)?.fix
}
const findings = (...answers: readonly WebhookAnswers[]) =>
  assess(answers, NOW_MS, connection).map(({ state, note }) => `${state}: ${note}`)

describe('the webhooks of a day', () => {
  it('that were accepted are counted, with the age of the last one', () => {
    expect(findings(answer(204, 3), answer(204, 90, 40))).toEqual([
      'ok: 41 webhooks of Customer.io accepted in the last day, the last 3 min ago',
    ])
  })

  it('of which none came show nothing', () => {
    expect(findings()).toEqual([expect.stringContaining('warning: none of Customer.io accepted')])
    // A stranger's, or our own test event, is no sign of Customer.io's key.
    expect(findings(strangers(204))).toEqual([
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
    expect(findings(answer(204, 1), strangers(401, 500))).toEqual([
      expect.stringContaining('ok: 1 webhook'),
      "ok: 500 requests from other addresses: not Customer.io's",
    ])
  })

  it('that Google refused before the function are wrong, with what opens it, until one is accepted again', () => {
    expect(findings(answer(403, 5), answer(204, 60))).toEqual([
      expect.stringContaining('ok'),
      expect.stringContaining('wrong: Customer.io was answered 403 1 time, last 5 min ago: Google refused'),
    ])
    expect(findings(answer(403, 60), answer(204, 5))).toEqual([
      expect.stringContaining('ok'),
      expect.stringContaining('warning: Customer.io was answered 403 1 time'),
    ])
    expect(fixWith('invoker_check_disabled', answer(403, 5))).toBe(
      'Run this again: gcloud run services update webhook --no-invoker-iam-check --region=europe-west1 --project=acme-customerio-dev',
    )
    expect(fixWith('all_users', answer(403, 5))).toMatch(/^terraform apply gives allUsers roles\/run.invoker/)
  })

  it('that failed otherwise are told by status', () => {
    expect(findings(answer(204, 1), answer(503, 9), answer(503, 8), answer(429, 7))).toEqual([
      expect.stringContaining('ok'),
      expect.stringContaining('warning: Customer.io was answered 503 2 times, last 8 min ago'),
      expect.stringContaining('warning: Customer.io was answered 429 1 time, last 7 min ago: no instance'),
    ])
  })
})
