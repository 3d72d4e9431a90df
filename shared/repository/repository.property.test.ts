import fc from 'fast-check'
import { parseMapping } from './mapping.ts'
import { migrate } from './postgres/migrate.ts'
import { PostgresUserStore } from './postgres/store.ts'
import { UserMessagingRepository } from './repository.ts'
import { SwitchAtCustomerIo } from './testing/customerio.ts'
import { insertUser, MAPPING_YAML, RecordingPublisher, USERS_SQL } from './testing/people.ts'
import { startAnyPostgres, type TestPostgres } from './testing/postgres.ts'
import { topicsWebhook, webhookOf } from './testing/webhooks.ts'
import type { PubSubMessage } from './webhook.ts'

const mapping = parseMapping(MAPPING_YAML)
const TOPIC = 'cio_subscription_preferences.topics.topic_7'

type Step =
  | { readonly do: 'update'; readonly changes: { marketing?: boolean; topics?: { 7: boolean } }; readonly fault: Fault }
  | {
      readonly do: 'change'
      readonly what: 'marketing' | 'topic_7'
      readonly value: boolean
      readonly by: 'click' | 'page'
    }
  | { readonly do: 'deliver'; readonly again: boolean }
  | { readonly do: 'webhook'; readonly pick: number; readonly again: boolean; readonly fault: Fault }
  | { readonly do: 'sync'; readonly fault: Fault }
type Fault = 'none' | 'refused' | 'lost_answer'

/** One user in a real database, at a model of Customer.io, and all messages that are under way between the two. */
class World {
  readonly userId: string
  readonly publisher = new RecordingPublisher()
  readonly marketing = new SwitchAtCustomerIo()
  readonly topic = new SwitchAtCustomerIo()
  readonly webhooks: PubSubMessage[] = []
  readonly repository: UserMessagingRepository
  now = 1_763_740_000

  constructor(postgres: TestPostgres, userId: string) {
    this.userId = userId
    const store = new PostgresUserStore(postgres.pool, mapping)
    this.repository = new UserMessagingRepository({
      store,
      mapping,
      publisher: this.publisher,
      now: () => this.now * 1_000,
    })
  }

  async run(step: Step): Promise<void> {
    this.now += 1
    if (step.do === 'deliver') return this.deliver(step.again)
    if (step.do === 'change') return this.change(step)
    this.publisher.fault = () => step.fault
    const attempt =
      step.do === 'update'
        ? this.repository.updatePreferences(this.userId, step.changes)
        : step.do === 'sync'
          ? this.repository.syncUser(this.userId)
          : this.webhook(step.pick, step.again)
    // A process that dies within a call leaves what a publish that fails in it leaves.
    await attempt.catch((error: unknown) => {
      if (!(error instanceof Error) || error.message !== 'no connection') throw error
    })
  }

  change({ what, value, by }: Extract<Step, { do: 'change' }>): void {
    const atCustomerIo = what === 'marketing' ? this.marketing : this.topic
    atCustomerIo.change(value, this.now, by)
    this.report()
  }

  /** The next message of the topic reaches Customer.io; `again`: and stays, to be delivered once more. */
  deliver(again: boolean): void {
    const [next] = again ? this.publisher.published : this.publisher.published.splice(0, 1)
    if (next?.kind !== 'identify') return
    const { attributes, timestamp } = next.message
    const unsubscribed = attributes?.unsubscribed
    const topic = attributes?.[TOPIC]
    if (typeof unsubscribed === 'boolean') this.marketing.identify(!unsubscribed, Number(timestamp), this.now)
    if (typeof topic === 'boolean') this.topic.identify(topic, Number(timestamp), this.now)
    this.report()
  }

  /** Customer.io fires its webhooks. */
  report(): void {
    for (const { value, at, source } of this.marketing.webhooks.splice(0)) {
      const delivery = source === 'click' ? { object_type: 'email', delivery_id: 'd1' } : {}
      this.webhooks.push(webhookOf(this.userId, value ? 'subscribed' : 'unsubscribed', at, delivery))
    }
    for (const { value, at, source } of this.topic.webhooks.splice(0)) {
      const delivery = source === 'click' ? { delivery_id: 'd1' } : {}
      this.webhooks.push(topicsWebhook(this.userId, { topic_7: value }, at, delivery))
    }
  }

  async webhook(pick: number, again: boolean): Promise<void> {
    const index = pick % Math.max(this.webhooks.length, 1)
    const message = this.webhooks[index]
    if (message === undefined) return
    await this.repository.handleWebhookEvent(message)
    if (!again) this.webhooks.splice(index, 1)
  }

  async settle(): Promise<void> {
    this.publisher.fault = () => 'none'
    for (let round = 0; round < 20; round++) {
      this.now += 1
      await this.repository.syncUser(this.userId)
      if (this.publisher.published.length === 0 && this.webhooks.length === 0) return
      while (this.publisher.published.length > 0) this.deliver(false)
      while (this.webhooks.length > 0) await this.webhook(0, false)
    }
    throw new Error('the two sides answer each other without end')
  }
}

const fault = fc.constantFrom<Fault>('none', 'none', 'refused', 'lost_answer')
const pick = fc.nat(5)
const again = fc.boolean()
const step = fc.oneof(
  fc.record({
    do: fc.constant('update' as const),
    changes: fc.oneof(
      fc.record({ marketing: fc.boolean() }),
      fc.record({ topics: fc.record({ 7: fc.boolean() }) }),
      fc.record({ marketing: fc.boolean(), topics: fc.record({ 7: fc.boolean() }) }),
    ),
    fault,
  }),
  fc.record({
    do: fc.constant('change' as const),
    what: fc.constantFrom('marketing' as const, 'topic_7' as const),
    value: fc.boolean(),
    by: fc.constantFrom('click' as const, 'page' as const),
  }),
  fc.record({ do: fc.constant('deliver' as const), again }),
  fc.record({ do: fc.constant('webhook' as const), pick, again, fault }),
  fc.record({ do: fc.constant('sync' as const), fault }),
)

describe('a user in the database and at Customer.io', () => {
  let postgres: TestPostgres
  let users = 0
  beforeAll(async () => {
    postgres = await startAnyPostgres()
    await postgres.pool.query(USERS_SQL)
    await migrate(postgres.pool)
  }, 60_000)
  afterAll(() => postgres[Symbol.asyncDispose]())

  it('ends the same on both sides after any interleaving of updates, syncs, clicks, webhooks and failures', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 16 }), async (steps) => {
        await insertUser(postgres.pool, ++users)
        const world = new World(postgres, String(users))
        for (const one of steps) await world.run(one)
        await world.settle()
        const preferences = await world.repository.getPreferences(world.userId)
        expect(preferences.marketing).toBe(world.marketing.value ?? true)
        expect(preferences.topics[7]).toBe(world.topic.value)
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  it('gets nothing back that came from Customer.io', async () => {
    const theirs = fc.record({
      do: fc.constant('change' as const),
      what: fc.constantFrom('marketing' as const, 'topic_7' as const),
      value: fc.boolean(),
      by: fc.constantFrom('click' as const, 'page' as const),
    })
    const heard = fc.record({ do: fc.constant('webhook' as const), pick, again, fault: fc.constant<Fault>('none') })
    const synced = fc.record({ do: fc.constant('sync' as const), fault: fc.constant<Fault>('none') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(theirs, heard, synced), { maxLength: 16 }), async (steps) => {
        await insertUser(postgres.pool, ++users)
        const world = new World(postgres, String(users))
        for (const one of steps) await world.run(one)
        while (world.webhooks.length > 0) await world.webhook(0, false)
        await world.repository.syncUser(world.userId, { force: true })
        expect(JSON.stringify(world.publisher.takeAttributes())).not.toContain('subscri')
        const preferences = await world.repository.getPreferences(world.userId)
        expect(preferences.marketing).toBe(world.marketing.value ?? true)
        expect(preferences.topics[7]).toBe(world.topic.value)
      }),
      { numRuns: 15 },
    )
  }, 60_000)
})
