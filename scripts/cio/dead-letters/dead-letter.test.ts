import { messageKey } from '../../../shared/idempotency/index.ts'
import { type DeadLetter, factsOf, replayOf } from './dead-letter.ts'

const DEAD_LETTERED_MS = Date.parse('2026-11-21T12:00:00Z')

function deadLetter(attributes: Record<string, string>, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    source: {
      name: 'track',
      topic: 'track',
      deployedTopic: 'track',
      deadLetterSubscription: 'track-dead-letter',
      ackDeadlineMs: 60_000,
    },
    id: '900',
    messageId: '900',
    ackId: 'ack',
    data: Buffer.from('{"name":"x"}'),
    attributes,
    orderingKey: '',
    deadLetteredAtMs: DEAD_LETTERED_MS,
    ...more,
  }
}

const OURS = {
  reason: 'refused',
  error: 'answer 400',
  http_status: '400',
  source_message_id: '17',
  source_publish_time: '2026-11-21T11:00:00.123Z',
  source_subscription: 'projects/p/subscriptions/track',
  delivery_attempt: '4',
}

const FORWARDED = {
  CloudPubSubDeadLetterSourceDeliveryCount: '100',
  CloudPubSubDeadLetterSourceSubscription: 'track',
  CloudPubSubDeadLetterSourceSubscriptionProject: 'p',
  CloudPubSubDeadLetterSourceTopicPublishTime: '2026-11-20T10:00:00.5Z',
}

const keyOf = ({ idempotency_key, source_message_id }: Readonly<Record<string, string>>, messageId: string) =>
  messageKey({ idempotencyKey: idempotency_key, sourceMessageId: source_message_id, messageId })

describe('a replay', () => {
  it('has the bytes, attributes and ordering key of the message, and nothing of its failure', () => {
    const original = deadLetter({ ...OURS, shop: 'eu', idempotency_key: 'k' }, { orderingKey: 'id:u1' })
    expect(replayOf(original)).toEqual({
      data: original.data,
      orderingKey: 'id:u1',
      attributes: {
        shop: 'eu',
        idempotency_key: 'k',
        source_message_id: '17',
        source_publish_time: '2026-11-21T11:00:00.123Z',
        replay_count: '1',
      },
    })
  })

  it('keeps the key of the message, whoever gave it', () => {
    for (const attributes of [OURS, { ...OURS, idempotency_key: 'k' }]) {
      const replayed = replayOf(deadLetter(attributes)).attributes
      expect(keyOf(replayed, 'another id')).toEqual(keyOf(attributes, 'an id'))
    }
  })

  it('names the check that it passes when it is released, and those of earlier releases', () => {
    const released = (attributes: Record<string, string>, isReleased = true) =>
      replayOf(deadLetter({ ...OURS, ...attributes }), isReleased).attributes.released
    expect(released({ reason: 'guarded' })).toBe('guarded')
    expect(released({ reason: 'guarded', released: 'expired' })).toBe('expired,guarded')
    expect(released({ reason: 'guarded', released: 'guarded,anything' })).toBe('guarded')
    expect(released({ reason: 'guarded' }, false)).toBeUndefined()
    expect(released({ reason: 'exhausted' })).toBeUndefined()
  })

  it('counts on', () => {
    expect(replayOf(deadLetter({ ...OURS, replay_count: '2' })).attributes.replay_count).toBe('3')
    expect(replayOf(deadLetter({ ...OURS, replay_count: 'many' })).attributes.replay_count).toBe('1')
  })

  it('of a message that Pub/Sub forwarded has the same key each time, and its publish time', () => {
    const { attributes } = replayOf(deadLetter({ ...FORWARDED, googclient_deliveryattempt: '5', shop: 'eu' }))
    expect(attributes).toEqual({
      shop: 'eu',
      source_message_id: '900',
      source_publish_time: '2026-11-20T10:00:00.500Z',
      replay_count: '1',
    })
  })
})

describe('the facts of a dead letter', () => {
  it('are those of its attributes', () => {
    expect(factsOf(deadLetter({ ...OURS, truncated: 'data,shop' }))).toEqual({
      reason: 'refused',
      error: 'answer 400',
      httpStatus: '400',
      attempts: 4,
      replays: 0,
      publishedAtMs: Date.parse('2026-11-21T11:00:00.123Z'),
      key: { kind: 'message', value: '17' },
      bodyCut: true,
    })
  })

  it('tell that Pub/Sub forwarded it, and that its id is lost', () => {
    expect(factsOf(deadLetter(FORWARDED))).toMatchObject({ reason: 'forwarded', attempts: 100, key: undefined })
    expect(factsOf(deadLetter({ ...FORWARDED, idempotency_key: 'k' })).key).toEqual({ kind: 'publisher', value: 'k' })
  })

  it('do not take an id for the key when the key did not fit into the dead letter', () => {
    expect(factsOf(deadLetter({ ...OURS, truncated: 'idempotency_key' })).key).toBeUndefined()
  })

  it('fall back to when it was dead-lettered, when nothing better is known', () => {
    expect(factsOf(deadLetter({ source_publish_time: 'yesterday' }))).toMatchObject({
      reason: 'unknown',
      publishedAtMs: DEAD_LETTERED_MS,
    })
  })
})
