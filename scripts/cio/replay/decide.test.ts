import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import type { ValidMessage } from '../publish/messages.ts'
import { decide, type Rules } from './decide.ts'
import { Gone } from './gone.ts'
import type { Mapping } from './map.ts'
import { sourceOf } from './temporary.ts'

const PUBLISHED_MS = Date.parse('2026-11-20T08:00:00Z')
const STARTED_MS = Date.parse('2026-11-23T08:00:00Z')

function messageOf(topic: string, body: object, orderingKey = ''): DeadLetter {
  return {
    source: sourceOf({ name: 'cio-replay', topic: { own: topic, deployed: topic } }),
    ...{ id: '1', messageId: '1', ackId: 'a', attributes: { traceparent: 't' }, orderingKey },
    data: Buffer.from(JSON.stringify(body)),
    deadLetteredAtMs: PUBLISHED_MS,
  }
}

function rulesOf(map: Mapping | undefined, also: readonly string[] = [], create = false): Rules {
  const times = { fromMs: PUBLISHED_MS, untilMs: PUBLISHED_MS + 1, startedMs: STARTED_MS }
  return { ...times, where: {}, also, map, create }
}

const EVENT = { identifiers: { id: 'ada' }, name: 'order_completed', attributes: { total: 1 } }
const ADA = { identifiers: { id: 'ada' }, attributes: { plan: 'pro' } }
const event = messageOf('track', EVENT)

describe('a mapping', () => {
  let calls = 0
  it.each<[string, Mapping, string]>([
    [
      'throws',
      () => {
        throw new Error('no total')
      },
      'the mapping failed at message 1: no total',
    ],
    ['rejects', () => Promise.reject(new Error('no total')), 'no total'],
    ['gives null', () => null, 'leaves it as it is'],
    ['gives a list', () => [], 'gives no object'],
    ['gives a word', () => 'yes', 'gives no object'],
    ['gives what JSON cannot hold', () => ({ ...EVENT, attributes: { total: 1n } }), 'BigInt'],
    ['gives a field that the topic does not know', (message) => ({ ...message, nam: 1 }), 'breaks the contract'],
    ['takes the person away', ({ identifiers: _, ...message }) => message, 'breaks the contract'],
    [
      'changes the message and returns nothing',
      (message) => {
        message.name = 'other'
      },
      'return the message',
    ],
    [
      'gives something else each time',
      (message) => ({ ...message, attributes: { total: ++calls } }),
      'two calls with the same message give two results',
    ],
  ])('that %s publishes nothing', async (_what, map, why) => {
    const decision = await decide(event, rulesOf(map), new Gone())
    expect(decision).toMatchObject({ kind: why === 'leaves it as it is' ? 'skipped' : 'broken' })
    expect(decision).toHaveProperty('why', expect.stringContaining(why))
  })

  it('changes nothing by what it does to the attributes that it is shown', async () => {
    const map: Mapping = (message, { attributes }) => {
      Object.assign(attributes, { idempotency_key: 'mine', lane: 'urgent' })
      return { ...message, name: 'order_paid' }
    }
    const { replay } = replayed(await decide(event, rulesOf(map), new Gone()))
    expect(replay.attributes).toMatchObject({
      traceparent: 't',
      lane: 'bulk',
      idempotency_key: expect.stringMatching(/^replay:[0-9a-f]{64}$/),
    })
    expect(event.attributes).toEqual({ traceparent: 't' })
  })

  it('gives the same key in the next run, and another to another content', async () => {
    const keyOf = async (total: number) =>
      replayed(
        await decide(
          event,
          rulesOf(() => ({ ...EVENT, attributes: { total } })),
          new Gone(),
        ),
      ).replay.attributes.idempotency_key
    expect(await keyOf(2)).toBe(await keyOf(2))
    expect(await keyOf(2)).not.toBe(await keyOf(3))
  })

  it('that makes a deletion of an update is no mapping, unless that was asked for', async () => {
    const map: Mapping = () => ({ identifiers: { id: 'ada' }, action: 'delete' })
    expect(await decide(messageOf('identify', ADA), rulesOf(map), new Gone())).toMatchObject({
      kind: 'broken',
      why: expect.stringContaining('--also delete'),
    })
    expect(await decide(messageOf('identify', ADA), rulesOf(map, ['delete']), new Gone())).toMatchObject({
      kind: 'replayed',
      what: 'delete',
    })
  })

  it('that names another person publishes in the order of that person, all attributes with it', async () => {
    const map: Mapping = (message) => ({ ...message, identifiers: { id: 'grace' } })
    const { replay } = replayed(await decide(messageOf('identify', ADA, 'id:ada'), rulesOf(map), new Gone()))
    expect(replay.orderingKey).toBe('id:grace')
    expect(JSON.parse(replay.data.toString())).toEqual({
      identifiers: { id: 'grace' },
      attributes: { plan: 'pro', _update: true },
    })
  })

  it('that names somebody who has gone since is passed over', async () => {
    const gone = goneOf('suppress', 'grace')
    const map: Mapping = (message) => ({ ...message, identifiers: { id: 'grace' } })
    expect(await decide(messageOf('identify', ADA), rulesOf(map), gone)).toMatchObject({ kind: 'skipped' })
    expect(await decide(event, rulesOf(map), gone)).toMatchObject({ kind: 'skipped' })
    expect(await decide(event, rulesOf(undefined), gone)).toMatchObject({ kind: 'replayed' })
  })
})

describe('an update of a person', () => {
  const bodyOf = async (body: object, create: boolean, map?: Mapping) => {
    const { replay } = replayed(await decide(messageOf('identify', body), rulesOf(map, [], create), new Gone()))
    return JSON.parse(replay.data.toString())
  }

  it('only updates, so that it brings back nobody who is deleted while it waits', async () => {
    expect(await bodyOf(ADA, false)).toEqual({ ...ADA, attributes: { plan: 'pro', _update: true } })
    expect(await bodyOf({ ...ADA, attributes: { _update: false } }, false)).toMatchObject({
      attributes: { _update: true },
    })
    expect(await bodyOf(ADA, false, () => ({ ...ADA, attributes: { plan: 'free' } }))).toMatchObject({
      attributes: { plan: 'free', _update: true },
    })
  })

  it('is as it was published where people are to be created, and where it creates nobody', async () => {
    expect(await bodyOf(ADA, true)).toEqual(ADA)
    const message = messageOf('identify', { ...ADA, attributes: { _update: true } })
    const { replay } = replayed(await decide(message, rulesOf(undefined), new Gone()))
    expect(replay.data).toBe(message.data)
  })

  it('that has no room for another attribute is passed over, with what to do', async () => {
    const attributes = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`a${n}`, n]))
    expect(await decide(messageOf('identify', { ...ADA, attributes }), rulesOf(undefined), new Gone())).toEqual({
      kind: 'skipped',
      why: expect.stringContaining('--create'),
    })
  })
})

function goneOf(action: 'suppress' | 'delete', id: string): Gone {
  const gone = new Gone()
  const message: ValidMessage = { topic: 'identify', message: { type: 'person', action, identifiers: { id } } }
  gone.note(message, PUBLISHED_MS + 1)
  return gone
}

function replayed(decision: Awaited<ReturnType<typeof decide>>) {
  if (decision.kind !== 'replayed') throw new Error(JSON.stringify(decision))
  return decision
}

it.each([
  ['2026-11-23T08:00:00Z', { kind: 'skipped', why: 'it has expired' }],
  ['2026-11-23T08:00:01Z', { kind: 'replayed' }],
  ['tomorrow', { kind: 'skipped', why: 'it breaks the contract' }],
])('a message that expires at %s adds no dead letter that says so', async (expires_at, decision) => {
  const expiring = { ...event, attributes: { expires_at } }
  expect(await decide(expiring, rulesOf(undefined), new Gone())).toMatchObject(decision)
  const map: Mapping = (message) => ({ ...message, attributes: { total: 2 } })
  expect(await decide(expiring, rulesOf(map), new Gone())).toMatchObject(decision)
})
