import { identifyMessage, parseMessage, trackMessage, transactionalMessage } from '../../shared/contract/index.ts'
import { isDeletion, planMessages, TOPICS } from './messages.ts'
import { FAULTS, type FaultKind, planFaults } from './schedule.ts'

const SCHEMAS = { identify: identifyMessage, track: trackMessage, transactional: transactionalMessage }

describe('the same seed', () => {
  it('is the same messages and the same faults, and another seed is others', () => {
    const plan = (seed: number) => [
      planMessages({ seed, seconds: 60, messages: 500 }),
      planFaults({ seed, seconds: 60 }),
    ]
    expect(plan(3)).toEqual(plan(3))
    expect(plan(3)).not.toEqual(plan(4))
  })
})

describe('messages', () => {
  const messages = planMessages({ seed: 1, seconds: 120, messages: 4_200 })

  it('are as many as asked for, in order, and each is known by its mark', () => {
    expect(messages).toHaveLength(4_200)
    expect(messages.every(({ atMs }, index) => atMs >= (messages[index - 1]?.atMs ?? 0))).toBe(true)
    const bodies = new Set(messages.map(({ mark, data }) => `${mark} ${data}`))
    expect(bodies.size).toBe(new Set(messages.map(({ mark }) => mark)).size)
  })

  it('are refused by the contract when they are meant to be broken, and only then', () => {
    const misjudged = messages.filter(({ topic, data, nature }) => {
      const { ok } = parseMessage(SCHEMAS[topic], Buffer.from(data), { now: Date.now })
      return ok !== (nature !== 'broken')
    })
    expect(misjudged).toEqual([])
  })

  it('go through both lanes of every topic, and what is ordered through one', () => {
    const bulk = messages.filter(({ attributes }) => attributes.lane === 'bulk')
    expect(new Set(bulk.map(({ topic }) => topic))).toEqual(new Set(TOPICS))
    const ordered = bulk.filter(({ orderingKey }) => orderingKey !== undefined)
    expect(ordered.filter(({ data }) => !data.includes('"_update":true'))).toEqual([])
  })

  it('delete people of whom an update waits in bulk, and nothing comes after that', () => {
    const updates = messages.filter(({ data }) => data.includes('"_update":true'))
    expect(updates.length).toBeGreaterThan(10)
    for (const { person, atMs } of updates) {
      const last = messages.findLast((message) => message.person === person)
      expect(last && [isDeletion(last), last.attributes]).toEqual([true, {}])
      expect((last?.atMs ?? 0) - atMs).toBeLessThan(200)
    }
  })

  it('are published twice only with the same key', () => {
    for (const [, same] of Map.groupBy(messages, ({ effect }) => effect)) {
      if (same.length === 1) continue
      expect(same[0]?.attributes.idempotency_key).toBeDefined()
      expect(new Set(same.map(({ attributes }) => attributes.idempotency_key)).size).toBe(1)
    }
  })
})

describe('faults', () => {
  it('are of every kind within two minutes, and over when the time is', () => {
    const faults = planFaults({ seed: 1, seconds: 120 })
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(Object.keys(FAULTS)))
    for (const { atMs, durationMs } of faults) expect(atMs + durationMs).toBeLessThanOrEqual(120_000)
  })

  it('begin with a pause, however short the run is', () => {
    for (let seed = 1; seed <= 20; seed++) expect(planFaults({ seed, seconds: 6 })[0]?.kind).toBe('pause')
  })

  it('may be of one kind only, however little time there is', () => {
    for (const only of Object.keys(FAULTS) as FaultKind[]) {
      expect(new Set(planFaults({ seed: 1, seconds: 60, only }).map(({ kind }) => kind))).toEqual(new Set([only]))
    }
    expect(planFaults({ seed: 1, seconds: 2, only: 'largest messages' })).toEqual([])
  })

  it('leave one that has to be alone its time', () => {
    const faults = planFaults({ seed: 1, seconds: 120 })
    const [flood] = faults.filter(({ kind }) => kind === 'flood of one key')
    const from = flood?.atMs ?? 0
    const until = from + (flood?.durationMs ?? 0)
    expect(faults.filter(({ atMs, durationMs }) => atMs < until && atMs + durationMs > from)).toEqual([flood])
  })
})
