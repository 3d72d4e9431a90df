import { assessReplay, type ReplayRules } from './assess.ts'
import type { DeadLetter } from './dead-letter.ts'

const NOW_MS = Date.parse('2026-11-21T12:00:00Z')
const HOUR_MS = 3_600_000
const STRICT: ReplayRules = { acceptDuplicates: false, force: false, maxReplays: 3 }

function assess(topic: string, body: object, options: { ageMs?: number; attributes?: object; rules?: object } = {}) {
  const deadLetter: DeadLetter = {
    source: {
      name: topic,
      topic,
      deployedTopic: topic,
      deadLetterSubscription: `${topic}-dead-letter`,
      ackDeadlineMs: 60_000,
    },
    id: '900',
    messageId: '900',
    ackId: 'ack',
    data: Buffer.from(JSON.stringify(body)),
    attributes: {
      reason: 'exhausted',
      source_message_id: '17',
      source_publish_time: new Date(NOW_MS - (options.ageMs ?? 0)).toISOString(),
      ...options.attributes,
    },
    orderingKey: '',
    deadLetteredAtMs: NOW_MS,
  }
  return assessReplay(deadLetter, { ...STRICT, ...options.rules }, NOW_MS)
}

const IDENTIFY = { identifiers: { id: 'u1' } }
const EVENT = { identifiers: { id: 'u1' }, name: 'x' }
const EMAIL = { channel: 'email', identifiers: { id: 'u1' } }

describe('a dead letter is not replayed', () => {
  it.each(['delete', 'suppress', 'unsuppress', 'merge'])('for %s, without --force', (action) => {
    expect(assess('identify', { ...IDENTIFY, action }).obstacle).toContain('--force')
    expect(assess('identify', { ...IDENTIFY, action }, { rules: { force: true } }).obstacle).toBeUndefined()
    expect(assess('identify', { ...IDENTIFY, action: 'add_device' }).obstacle).toBeUndefined()
  })

  it('for a transactional message without key and source id, without --accept-duplicates', () => {
    const attributes = { source_message_id: undefined }
    expect(assess('transactional', EMAIL, { attributes }).obstacle).toContain('--accept-duplicates')
    expect(
      assess('transactional', EMAIL, { attributes: { ...attributes, idempotency_key: 'k' } }).obstacle,
    ).toBeUndefined()
    expect(assess('transactional', EMAIL, { attributes, rules: { acceptDuplicates: true } }).obstacle).toBeUndefined()
    expect(assess('track', EVENT, { attributes }).obstacle).toBeUndefined()
  })

  it('for one that has expired, without --release', () => {
    const attributes = { reason: 'expired' }
    expect(assess('track', EVENT, { attributes }).obstacle).toContain('--release')
    expect(assess('track', EVENT, { attributes, rules: { release: true } }).obstacle).toBeUndefined()
  })

  it('for a message that keeps coming back', () => {
    expect(assess('track', EVENT, { attributes: { replay_count: '2' } }).obstacle).toBeUndefined()
    expect(assess('track', EVENT, { attributes: { replay_count: '3' } }).obstacle).toContain('--max-replays')
    expect(
      assess('track', EVENT, { attributes: { replay_count: '3' }, rules: { maxReplays: 9 } }).obstacle,
    ).toBeUndefined()
  })

  it('for a body that was cut', () => {
    const cut = { truncated: 'data' }
    expect(assess('track', EVENT, { attributes: cut }).obstacle).toContain('--edit')
    expect(assess('track', EVENT, { attributes: cut, rules: { edit: true } }).obstacle).toBeUndefined()
    // An editor completes a body and nothing else: every other rule stands.
    const twice = { attributes: { ...cut, source_message_id: undefined }, rules: { edit: true } }
    expect(assess('transactional', EMAIL, twice).obstacle).toContain('--accept-duplicates')
    const often = { attributes: { ...cut, replay_count: '3' }, rules: { edit: true } }
    expect(assess('track', EVENT, often).obstacle).toContain('--max-replays')
  })
})

describe('a replay comes with a warning', () => {
  it('when an identify is older than an hour', () => {
    expect(assess('identify', IDENTIFY, { ageMs: HOUR_MS }).warnings).toEqual([])
    expect(assess('identify', IDENTIFY, { ageMs: 2 * HOUR_MS }).warnings).toEqual([expect.stringContaining('2 h old')])
  })

  it('when an event is older than 12 h, and otherwise when it is older than 72 h', () => {
    expect(assess('track', EVENT, { ageMs: 12 * HOUR_MS }).warnings).toEqual([])
    expect(assess('track', EVENT, { ageMs: 13 * HOUR_MS }).warnings).toEqual([expect.stringContaining('12 h')])
    expect(assess('track', EVENT, { ageMs: 73 * HOUR_MS }).warnings).toEqual([expect.stringContaining('no campaign')])
  })

  it('when its reason says that it will come back', () => {
    const warnings = (reason: string) => assess('transactional', EMAIL, { attributes: { reason } }).warnings
    expect(warnings('exhausted')).toEqual([])
    expect(warnings('content_changed')).toEqual([expect.stringContaining('--edit')])
    expect(warnings('uncertain')).toEqual([expect.stringContaining('dlq settle')])
  })
})
