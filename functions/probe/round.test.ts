import { TimeoutError } from '../../shared/clock/index.ts'
import { inVirtualTime } from '../../shared/clock/testing/virtual-time.ts'
import type { Activity } from '../../shared/customerio/index.ts'
import { PublishFailedError } from '../../shared/publisher/index.ts'
import { verifyWebhook } from '../../shared/webhooks/index.ts'
import type { LinkResult, Round } from './link.ts'
import { reasonOf } from './reason.ts'
import { probeWayBack, type SignedWebhook, type WayBack } from './way-back.ts'
import { probeWayOut, type WayOut } from './way-out.ts'

/** A round in virtual time, against the smallest Customer.io and BigQuery that there can be. */

const ROUND: Round = { id: 'round-7', startedAt: 1_793_610_000 }
const WAIT_MS = 60_000
const changed = (id: string): Activity => ({ type: 'attribute_change', data: { probe_round: { from: 'x', to: id } } })
const event = (id: string): Activity => ({ type: 'event', data: { probe_round: id } })
const seen = async () => [changed(ROUND.id), event(ROUND.id)]
const refused = (code: number) => async () => {
  throw new PublishFailedError('identify', 'key', Object.assign(new Error('5 NOT_FOUND: projects/p'), { code }))
}

async function out(changes: Partial<WayOut>) {
  const publish = { identify: async () => '1', track: async () => '2' }
  return inVirtualTime((clock) =>
    probeWayOut(ROUND, { publish, findActivities: seen, waitMs: WAIT_MS, clock, ...changes }),
  )
}

async function back(changes: Partial<WayBack>) {
  const way = { signingKeys: async () => 'key\nolder', post: async () => 204, isStored: async () => true }
  return inVirtualTime((clock) => probeWayBack(ROUND, { ...way, waitMs: WAIT_MS, clock, ...changes }))
}

const verdicts = (results: readonly LinkResult[]) =>
  Object.fromEntries(results.map((result) => [result.link, result.ok ? 'intact' : result.reason]))

describe('the way out', () => {
  it('is intact when attribute and event are seen, and asks no more than that takes', async () => {
    let asked = 0
    const { value, ms } = await out({
      findActivities: async () => (++asked === 1 ? [changed(ROUND.id), event('another')] : seen()),
    })
    expect(verdicts(value)).toEqual({
      topic_identify: 'intact',
      topic_track: 'intact',
      identify: 'intact',
      track: 'intact',
      app_api: 'intact',
    })
    expect(asked).toBe(2)
    expect(value.find(({ link }) => link === 'identify')?.latencyMs).toBe(500)
    expect(value.find(({ link }) => link === 'track')?.latencyMs).toBe(2_000)
    expect(ms).toBeLessThan(3_000)
  })

  it.each([
    ['identify', event],
    ['track', changed],
  ] as const)('names %s alone when only its trace is missing after a minute, for few requests', async (link, other) => {
    let asked = 0
    const { value, ms } = await out({
      findActivities: async () => {
        asked += 1
        return [other(ROUND.id), changed('another'), event('another')]
      },
    })
    expect(verdicts(value)).toMatchObject({ [link]: 'not_seen', app_api: 'intact' })
    expect(value.filter(({ ok }) => !ok)).toEqual([{ link, ok: false, reason: 'not_seen', latencyMs: WAIT_MS }])
    expect(ms).toBeLessThan(WAIT_MS + 1_000)
    expect(asked).toBeLessThanOrEqual(15)
  })

  it('looks for the trace of the one message that Pub/Sub took, and names the topic that took none', async () => {
    const publish = { identify: refused(5), track: async () => '2' }
    const { value } = await out({ publish, findActivities: async () => [event(ROUND.id)] })
    expect(verdicts(value)).toEqual({
      topic_identify: 'not_found',
      topic_track: 'intact',
      track: 'intact',
      app_api: 'intact',
    })
  })

  it('asks nobody when nothing was published', async () => {
    const publish = { identify: refused(7), track: refused(14) }
    const { value, ms } = await out({ publish, findActivities: () => Promise.reject(new Error('asked')) })
    expect(verdicts(value)).toEqual({ topic_identify: 'permission_denied', topic_track: 'unavailable' })
    expect(ms).toBe(0)
  })

  it('names the App API when it never answers, and claims nothing of what it could not see', async () => {
    const findActivities = async () => ({ kind: 'retry', cause: 'configuration', error: '', httpStatus: 401 }) as const
    const { value } = await out({ findActivities })
    expect(verdicts(value)).toEqual({ topic_identify: 'intact', topic_track: 'intact', app_api: 'http_401' })
  })

  it('forgives the App API a failure before it answers', async () => {
    let asked = 0
    const unavailable = { kind: 'uncertain', reason: 'server_error', error: '', httpStatus: 503 } as const
    const { value } = await out({ findActivities: async () => (++asked < 3 ? unavailable : seen()) })
    expect(value.every(({ ok }) => ok)).toBe(true)
  })

  it('claims nothing of what it saw missing only before the App API failed', async () => {
    let asked = 0
    const unavailable = { kind: 'uncertain', reason: 'server_error', error: '', httpStatus: 503 } as const
    const { value } = await out({ findActivities: async () => (++asked === 1 ? [event(ROUND.id)] : unavailable) })
    expect(verdicts(value)).toEqual({
      topic_identify: 'intact',
      topic_track: 'intact',
      track: 'intact',
      app_api: 'http_503',
    })
  })

  it('takes a person whom Customer.io does not know for one of whom nothing is seen yet', async () => {
    const findActivities = async () => ({ kind: 'refused', reason: 'refused', error: '', httpStatus: 404 }) as const
    const { value } = await out({ findActivities })
    expect(verdicts(value)).toMatchObject({ identify: 'not_seen', track: 'not_seen', app_api: 'intact' })
  })
})

describe('the way back', () => {
  it('signs with the current key, as Customer.io does, and names nobody', async () => {
    const sent: SignedWebhook[] = []
    const { value } = await back({ post: async (webhook) => sent.push(webhook) && 204 })
    expect(verdicts(value)).toEqual({
      webhook_url: 'intact',
      webhook: 'intact',
      warehouse: 'intact',
      bigquery: 'intact',
    })
    const { headers, body } = sent[0] ?? { headers: {}, body: '' }
    const claim = { timestamp: headers['x-cio-timestamp'] ?? '', signature: headers['x-cio-signature'] ?? '' }
    expect(verifyWebhook(['key'], claim, Buffer.from(body))).toBe(true)
    expect(JSON.parse(body)).toEqual({
      event_id: ROUND.id,
      object_type: 'probe',
      metric: 'round',
      timestamp: ROUND.startedAt,
      data: {},
    })
  })

  it.each([
    [403, { webhook_url: 'no_public_way_in' }],
    [404, { webhook_url: 'no_such_address' }],
    [429, { webhook_url: 'no_instance' }],
    [302, { webhook_url: 'redirected' }],
    [401, { webhook_url: 'intact', webhook: 'signature_refused' }],
    [503, { webhook_url: 'intact', webhook: 'http_503' }],
  ])('of an answer of %i says %j, and waits for no row', async (status, expected) => {
    const { value, ms } = await back({ post: async () => status, isStored: () => Promise.reject(new Error('asked')) })
    expect(verdicts(value)).toEqual(expected)
    expect(ms).toBe(0)
  })

  it.each([
    [new TimeoutError(1), 'timeout'],
    [
      new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }),
      'econnrefused',
    ],
  ])('names the address when there is no answer: %s', async (error, reason) => {
    const { value } = await back({ post: () => Promise.reject(error) })
    expect(verdicts(value)).toEqual({ webhook_url: reason })
  })

  it.each([undefined, ''])('says that the signing keys are not configured: %p', async (keys) => {
    const { value } = await back({ signingKeys: async () => keys, post: () => Promise.reject(new Error('posted')) })
    expect(verdicts(value)).toEqual({ webhook: 'not_configured' })
  })

  it('names the warehouse when no row is there after a minute', async () => {
    const { value, ms } = await back({ isStored: async () => false })
    expect(verdicts(value)).toMatchObject({ webhook: 'intact', warehouse: 'not_seen', bigquery: 'intact' })
    expect(ms).toBeLessThan(WAIT_MS + 1_000)
  })

  it('claims nothing of a row that it saw missing only before BigQuery failed', async () => {
    let asked = 0
    const failing = () => Promise.reject(Object.assign(new Error('backend'), { code: 503 }))
    const { value } = await back({ isStored: async () => (++asked === 1 ? false : failing()) })
    expect(verdicts(value)).toEqual({ webhook_url: 'intact', webhook: 'intact', bigquery: 'http_503' })
  })

  it('names BigQuery when its query fails, and claims nothing of the row', async () => {
    const isStored = () => Promise.reject(Object.assign(new Error('Not found: Table'), { code: 404 }))
    expect(verdicts((await back({ isStored })).value)).toEqual({
      webhook_url: 'intact',
      webhook: 'intact',
      bigquery: 'http_404',
    })
  })
})

it.each([
  [Object.assign(new Error('secret words'), { code: 8 }), 'resource_exhausted'],
  [Object.assign(new Error('secret words'), { code: 99 }), 'grpc_99'],
  [Object.assign(new Error('secret words'), { code: 'secret words' }), 'Error'],
  [new RangeError('secret words'), 'RangeError'],
  ['secret words', 'string'],
])('reduces an error to a word that quotes nothing: %#', (error, reason) => {
  expect(reasonOf(error)).toBe(reason)
})
