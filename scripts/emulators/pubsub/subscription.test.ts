import { EventEmitter } from 'node:events'
import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { RpcError } from '../rpc-error.ts'
import type { PubSubEvents } from './events.ts'
import type { Consumer, Lease } from './lease.ts'
import { Subscription } from './subscription.ts'
import { ManualClock } from './testing/manual-clock.ts'

/** Takes whatever comes, and notes it. */
class Taker implements Consumer {
  readonly ackDeadlineMs = undefined
  readonly held: Lease[] = []
  readonly taken: Lease[] = []
  hasRoom = () => true
  deliver(lease: Lease): void {
    this.held.push(lease)
    this.taken.push(lease)
  }
  released(lease: Lease): void {
    this.held.splice(this.held.indexOf(lease), 1)
  }
  closed = () => {}
}

function orderedSubscription() {
  const clock = new ManualClock()
  const subscription = new Subscription(
    {
      name: 'projects/local/subscriptions/ordered',
      topic: 'projects/local/topics/topic',
      enableMessageOrdering: true,
      retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 4 } },
    },
    {
      clock,
      events: new EventEmitter<PubSubEvents>(),
      backoffScale: 1,
      topicRetention: () => undefined,
      deadLetter: () => undefined,
    },
  )
  let sequence = 0
  const publish = (orderingKey: string) => {
    sequence += 1
    const message = { sequence, id: `${sequence}`, data: Buffer.of(1), attributes: {}, orderingKey }
    subscription.offer({ ...message, publishTimeMs: clock.now() })
  }
  return { clock, subscription, publish }
}

const microtasks = () => new Promise(setImmediate)

const step = fc.oneof(
  fc.record({ do: fc.constant('publish' as const), key: fc.constantFrom('a', 'b', '') }),
  fc.record({ do: fc.constantFrom('acknowledge' as const, 'give back' as const), which: fc.nat(5) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 15_000 }) }),
)

describe('an ordered subscription, whatever happens to its messages', () => {
  it('lends one message of a key at a time, in their order, and loses none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, subscription, publish } = orderedSubscription()
        const taker = new Taker()
        subscription.addConsumer(taker)
        let published = 0
        for (const step of steps) {
          if (step.do === 'publish') {
            publish(step.key)
            published += 1
          } else if (step.do === 'wait') {
            clock.advance(step.ms)
          } else {
            const lease = taker.held[step.which % Math.max(1, taker.held.length)]
            if (lease !== undefined && step.do === 'acknowledge') subscription.acknowledge(lease.ackId)
            if (lease !== undefined && step.do === 'give back') subscription.modifyDeadline(lease.ackId, 0)
          }
          await microtasks()
          const keys = taker.held.map(({ message }) => message.orderingKey).filter((key) => key !== '')
          expect(new Set(keys).size).toBe(keys.length)
        }
        while (subscription.stats().outstanding > 0) {
          for (const lease of [...taker.held]) subscription.acknowledge(lease.ackId)
          clock.advance(4_000)
          await microtasks()
        }
        expect(new Set(taker.taken.map(({ message }) => message.id)).size).toBe(published)
        for (const key of ['a', 'b']) {
          const order = taker.taken
            .filter(({ message }) => message.orderingKey === key)
            .map(({ message }) => message.sequence)
          expect(order).toEqual([...order].sort((one, other) => one - other))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('does nothing any more once it is closed, and still tells what it holds', async () => {
    const { clock, subscription, publish } = orderedSubscription()
    const taker = new Taker()
    subscription.addConsumer(taker)
    publish('a')
    publish('a')
    await microtasks()
    subscription.close(new RpcError(status.UNAVAILABLE, 'closed'))
    for (const lease of [...taker.held]) subscription.modifyDeadline(lease.ackId, 0)
    clock.advance(60_000)
    await microtasks()
    expect(taker.taken).toHaveLength(1)
    expect(subscription.backlog()).toMatchObject([
      { message: { id: '1' }, failures: 0 },
      { message: { id: '2' }, failures: 0 },
    ])
  })
})
