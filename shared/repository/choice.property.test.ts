import fc from 'fast-check'
import { aboutToPublish, accepted, type Choice, choose, observe } from './choice.ts'
import { SwitchAtCustomerIo } from './testing/customerio.ts'

type Step =
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'choose'; readonly value: boolean }
  | { readonly do: 'publish'; readonly cutOff: 'before' | 'after' | 'never' }
  | { readonly do: 'deliver'; readonly again: boolean }
  | { readonly do: 'change'; readonly value: boolean; readonly by: 'click' | 'page' }
  | { readonly do: 'webhook'; readonly pick: number; readonly again: boolean }

/** The two sides, with everything that can be under way between them. */
class World {
  now = 1_000
  readonly skew: number
  readonly database: { choice: Choice | undefined } = { choice: undefined }
  readonly customerio = new SwitchAtCustomerIo()
  readonly topic: { value: boolean; timestamp: number }[] = []
  published = 0

  constructor(skew = 0) {
    this.skew = skew
  }

  run(step: Step): void {
    if (step.do === 'wait') this.now += step.seconds
    else if (step.do === 'choose') this.database.choice = choose(this.database.choice, step.value, this.now)
    else if (step.do === 'publish') this.publish(step.cutOff)
    else if (step.do === 'deliver') this.deliver(step.again)
    else if (step.do === 'change') this.customerio.change(step.value, this.now + this.skew, step.by)
    else this.webhook(step.pick, step.again)
  }

  publish(cutOff: 'before' | 'after' | 'never'): void {
    const pending = this.database.choice
    if (!pending?.pending) return
    this.database.choice = aboutToPublish(pending, this.now)
    if (cutOff === 'before') return
    this.topic.push({ value: pending.value, timestamp: pending.timestamp })
    this.published++
    if (cutOff === 'after') return
    this.database.choice = accepted(this.database.choice, pending)
  }

  deliver(again: boolean): void {
    const message = again ? this.topic[0] : this.topic.shift()
    // A request takes its time: two of them are not applied in the same second.
    if (message) this.now += 1
    if (message) this.customerio.identify(message.value, message.timestamp, this.now + this.skew)
  }

  webhook(pick: number, again: boolean): void {
    const { webhooks } = this.customerio
    const index = pick % Math.max(webhooks.length, 1)
    const seen = webhooks[index]
    if (seen === undefined) return
    // What waits to be told goes out before a webhook is judged.
    this.publish('never')
    if (!again) webhooks.splice(index, 1)
    this.database.choice = observe(this.database.choice, seen).choice
  }

  /** Lets everything that is under way arrive. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      if (!this.database.choice?.pending && this.topic.length === 0 && this.customerio.webhooks.length === 0) return
      this.now += 1
      this.publish('never')
      while (this.topic.length > 0) this.deliver(false)
      while (this.customerio.webhooks.length > 0) this.webhook(0, false)
    }
    throw new Error('the two sides answer each other without end')
  }
}

const wait = fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 0, max: 4 }) })
const choosing = fc.record({ do: fc.constant('choose' as const), value: fc.boolean() })
const publishing = fc.record({
  do: fc.constant('publish' as const),
  cutOff: fc.constantFrom('before' as const, 'after' as const, 'never' as const),
})
const delivering = fc.record({ do: fc.constant('deliver' as const), again: fc.boolean() })
const changing = fc.record({
  do: fc.constant('change' as const),
  value: fc.boolean(),
  by: fc.constantFrom('click' as const, 'page' as const),
})
const hearing = fc.record({ do: fc.constant('webhook' as const), pick: fc.nat(7), again: fc.boolean() })

/** Three wishes of which all messages arrive together, seconds apart; found by the property below. */
const ALL_PUBLISHED_LATE: Step[] = [
  { do: 'choose', value: true },
  { do: 'publish', cutOff: 'never' },
  { do: 'choose', value: false },
  { do: 'publish', cutOff: 'after' },
  { do: 'choose', value: true },
]

describe('a choice that the application and Customer.io both change', () => {
  it('ends the same on both sides, whatever is late, repeated, out of order or cut off', () => {
    const step = fc.oneof(wait, choosing, publishing, delivering, changing, hearing)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: -3, max: 3 }), (steps, skew) => {
        const world = new World(skew)
        for (const one of steps) world.run(one)
        world.settle()
        expect(world.database.choice?.value).toBe(world.customerio.value)
      }),
      { numRuns: 2_000 },
    )
  })

  it('ends as the person last wanted it, when their wishes are further apart than the clocks may be', () => {
    const wish = fc.oneof(
      choosing,
      changing.map((change) => ({ ...change, by: 'click' as const })),
    )
    const step = fc.oneof(publishing, delivering, hearing, wish)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const world = new World()
        let wanted: boolean | undefined
        for (const one of steps) {
          if (one.do === 'choose' || one.do === 'change') {
            world.now += 10
            wanted = one.value
          }
          world.run(one)
        }
        world.settle()
        expect(world.database.choice?.value).toBe(wanted)
        expect(world.customerio.value).toBe(wanted)
      }),
      { numRuns: 2_000, examples: [[ALL_PUBLISHED_LATE]] },
    )
  })

  it('ends opted out when that is what the person did last, at Customer.io, by a link or on a page', () => {
    const wish = fc.oneof(
      choosing,
      changing.map((change) => ({ ...change, by: change.value ? ('click' as const) : change.by })),
    )
    const step = fc.oneof(publishing, delivering, hearing, wish)
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.constantFrom('click' as const, 'page' as const),
        (steps, by) => {
          const world = new World()
          for (const one of steps) {
            if (one.do === 'choose' || one.do === 'change') world.now += 10
            world.run(one)
          }
          world.now += 10
          world.run({ do: 'change', value: false, by })
          world.settle()
          expect(world.database.choice?.value).toBe(false)
          expect(world.customerio.value).toBe(false)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('is never sent back when only Customer.io changed it', () => {
    const step = fc.oneof(changing, publishing, delivering, hearing)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const world = new World()
        for (const one of steps) {
          if (one.do === 'change') world.now += 1
          world.run(one)
        }
        world.settle()
        expect(world.published).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is published once for each time the application chose it, when nothing is cut off and nobody else changes it', () => {
    const step = fc.oneof(wait, choosing, fc.constant({ do: 'settle' as const }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const world = new World()
        let choices = 0
        for (const one of steps) {
          if (one.do === 'choose') choices++
          if (one.do === 'settle') world.settle()
          else world.run(one)
        }
        world.settle()
        expect(world.published).toBeLessThanOrEqual(choices)
      }),
      { numRuns: 500 },
    )
  })
})
