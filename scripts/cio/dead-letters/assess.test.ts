import { judge, type ReplayRules } from './assess.ts'
import type { Letter } from './dead-letter.ts'

const NOW_MS = Date.parse('2026-11-21T12:00:00Z')
const HOUR_MS = 3_600_000
const STRICT: ReplayRules = { acceptDuplicates: false, force: false, maxReplays: 3 }

function judged(topic: string, body: object, options: { ageMs?: number; attributes?: object; rules?: object } = {}) {
  const letter: Letter = {
    source: { name: topic, topic, deadLetters: `${topic}-dead-letter`, ackDeadlineMs: 60_000 },
    id: '900',
    ackId: 'ack',
    data: Buffer.from(JSON.stringify(body)),
    attributes: {
      reason: 'exhausted',
      source_message_id: '17',
      source_publish_time: new Date(NOW_MS - (options.ageMs ?? 0)).toISOString(),
      ...options.attributes,
    },
    orderingKey: '',
    givenUpAtMs: NOW_MS,
  }
  return judge(letter, { ...STRICT, ...options.rules }, NOW_MS)
}

const IDENTIFY = { identifiers: { id: 'u1' } }
const EVENT = { identifiers: { id: 'u1' }, name: 'x' }
const EMAIL = { channel: 'email', identifiers: { id: 'u1' } }

describe('a replay is refused', () => {
  it.each(['delete', 'suppress', 'unsuppress', 'merge'])('for %s, without --force', (action) => {
    expect(judged('identify', { ...IDENTIFY, action }).refusal).toContain('--force')
    expect(judged('identify', { ...IDENTIFY, action }, { rules: { force: true } }).refusal).toBeUndefined()
    expect(judged('identify', { ...IDENTIFY, action: 'add_device' }).refusal).toBeUndefined()
  })

  it('for a transactional message without key and source id, without --accept-duplicates', () => {
    const attributes = { source_message_id: undefined }
    expect(judged('transactional', EMAIL, { attributes }).refusal).toContain('--accept-duplicates')
    expect(
      judged('transactional', EMAIL, { attributes: { ...attributes, idempotency_key: 'k' } }).refusal,
    ).toBeUndefined()
    expect(judged('transactional', EMAIL, { attributes, rules: { acceptDuplicates: true } }).refusal).toBeUndefined()
    expect(judged('track', EVENT, { attributes }).refusal).toBeUndefined()
  })

  it('for a message that keeps coming back', () => {
    expect(judged('track', EVENT, { attributes: { replay_count: '2' } }).refusal).toBeUndefined()
    expect(judged('track', EVENT, { attributes: { replay_count: '3' } }).refusal).toContain('--max-replays')
    expect(
      judged('track', EVENT, { attributes: { replay_count: '3' }, rules: { maxReplays: 9 } }).refusal,
    ).toBeUndefined()
  })

  it('for a body that was cut', () => {
    const cut = { truncated: 'data' }
    expect(judged('track', EVENT, { attributes: cut }).refusal).toContain('--edit')
    expect(judged('track', EVENT, { attributes: cut, rules: { edit: true } }).refusal).toBeUndefined()
    // An editor completes a body and nothing else: every other rule stands.
    const twice = { attributes: { ...cut, source_message_id: undefined }, rules: { edit: true } }
    expect(judged('transactional', EMAIL, twice).refusal).toContain('--accept-duplicates')
    const often = { attributes: { ...cut, replay_count: '3' }, rules: { edit: true } }
    expect(judged('track', EVENT, often).refusal).toContain('--max-replays')
  })
})

describe('a replay is warned of', () => {
  it('when an identify is older than an hour', () => {
    expect(judged('identify', IDENTIFY, { ageMs: HOUR_MS }).warnings).toEqual([])
    expect(judged('identify', IDENTIFY, { ageMs: 2 * HOUR_MS }).warnings).toEqual([expect.stringContaining('2 h old')])
  })

  it('when an event is older than 12 h, and otherwise when it is older than 72 h', () => {
    expect(judged('track', EVENT, { ageMs: 12 * HOUR_MS }).warnings).toEqual([])
    expect(judged('track', EVENT, { ageMs: 13 * HOUR_MS }).warnings).toEqual([expect.stringContaining('12 h')])
    expect(judged('track', EVENT, { ageMs: 73 * HOUR_MS }).warnings).toEqual([expect.stringContaining('no campaign')])
  })

  it('when its reason says that it will come back', () => {
    const warnings = (reason: string) => judged('transactional', EMAIL, { attributes: { reason } }).warnings
    expect(warnings('exhausted')).toEqual([])
    expect(warnings('content_changed')).toEqual([expect.stringContaining('--edit')])
    expect(warnings('uncertain')).toEqual([expect.stringContaining('dlq settle')])
  })
})
