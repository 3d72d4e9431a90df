import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { manualClock } from '../../shared/clock/testing/manual-clock.ts'
import { identifyMessage } from '../../shared/contract/index.ts'
import { parseKeyed, withDefaults } from '../../shared/idempotency/index.ts'
import { MessagingPublisher, type PublishedMessage, type PubSubClient } from '../../shared/publisher/index.ts'
import { parseMapping, UserMessagingRepository } from '../../shared/repository/index.ts'
import { MemoryUserStore } from '../../shared/repository/testing/memory-user-store.ts'
import { updateOnly } from '../cio/publish/update-only.ts'
import { parseOperation } from '../emulators/customerio/track/operations.ts'
import { Workspace } from '../emulators/customerio/workspace/workspace.ts'
import type { PubSubEvents } from '../emulators/pubsub/events.ts'
import type { Consumer, Lease } from '../emulators/pubsub/lease.ts'
import { Subscription } from '../emulators/pubsub/subscription.ts'
import { readTopology } from '../topology/topology.ts'

/**
 * A person is deleted while an older update of them waits behind ten minutes of bulk messages: what shared/decisions/
 * delete-and-bulk.md says. Publisher, subscriptions, contract and Customer.io's rules are real; time is virtual.
 */

const BACKLOG_SECONDS = 600
const BULK_PER_SECOND = 1
const who = { id: 'ada' }

/** The topic with its two lanes, of which bulk delivers at its rate and the other at once. */
function start() {
  const clock = manualClock(Date.UTC(2026, 10, 26))
  const workspace = new Workspace()
  const { identify, 'identify-bulk': bulk } = readTopology().subscriptions
  let budget = Number.POSITIVE_INFINITY

  function subscription(filter: string | undefined, hasRoom: () => boolean): Subscription {
    const resource = { name: 's', topic: 't', filter, enableMessageOrdering: true, ackDeadlineSeconds: 60 }
    const time = { now: clock.now, schedule: (work: () => void, ms: number) => clock.after(ms, work) }
    const made: Subscription = new Subscription(resource, {
      ...{ clock: time, events: new EventEmitter<PubSubEvents>(), backoffScale: 1 },
      ...{ topicRetention: () => undefined, deadLetter: () => undefined },
    })
    const consumer: Consumer = {
      ackDeadlineMs: undefined,
      hasRoom,
      deliver: (lease) => {
        handle(lease)
        made.acknowledge(lease.ackId)
      },
      released() {},
      closed() {},
    }
    made.addConsumer(consumer)
    return made
  }

  function handle({ message }: Lease): void {
    if (message.attributes.lane === 'bulk') budget--
    const parsed = parseKeyed(identifyMessage, { ...message, messageId: message.id }, clock)
    if (!parsed.ok) throw new Error(parsed.error)
    const { value, key } = parsed.value
    const operation = parseOperation(
      withDefaults(value, { key, publishTimeSeconds: Math.floor(message.publishTimeMs / 1_000) }),
    )
    if (!operation.ok) throw new Error(JSON.stringify(operation.error))
    workspace.apply(operation.operation, clock.now())
  }

  const lanes = [subscription(identify?.filter, () => true), subscription(bulk?.filter, () => budget > 0)]
  let sequence = 0
  const topic = {
    async publishMessage({ data, attributes, orderingKey = '' }: PublishedMessage) {
      const id = String(++sequence)
      for (const lane of lanes)
        lane.offer({ sequence, id, data, attributes: { ...attributes }, orderingKey, publishTimeMs: clock.now() })
      return id
    },
    resumePublishing() {},
  }
  const pubsub: PubSubClient = { topic: () => topic, close: async () => {} }
  const publisher = new MessagingPublisher({ pubsub, now: clock.now, after: clock.after })
  const inBulk = new MessagingPublisher({ pubsub, now: clock.now, after: clock.after, lane: 'bulk' })
  const mapping = parseMapping('table: users\nnever: []\nattributes: { plan: string }')
  const store = new MemoryUserStore(() => Math.floor(clock.now() / 1_000))
  const planOfAda = () => workspace.people.find({ kind: 'id', value: who.id })?.attributes.get('plan')

  return {
    publisher,
    /** As `cio-gcp sync` has it. */
    store,
    repository: new UserMessagingRepository({ store, mapping, publisher: inBulk, now: clock.now }),
    /** As an application has it. */
    live: new UserMessagingRepository({ store, mapping, publisher, now: clock.now }),
    planOfAda,
    knowsAda: () => workspace.people.find({ kind: 'id', value: who.id }) !== undefined,
    waiting: () => lanes[1]?.stats().outstanding,
    /** Lets seconds pass; bulk delivers what its rate allows. */
    async pass(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        clock.advance(1_000)
        budget = BULK_PER_SECOND
        for (const lane of lanes) lane.wake()
        await turn()
      }
    },
    /** Fills the bulk lane with messages of others for ten minutes. */
    async fillBulk() {
      budget = 0
      for (let n = 0; n < BACKLOG_SECONDS * BULK_PER_SECOND; n++) {
        await publisher.identifyUser({ identifiers: { id: `u${n}` }, attributes: { n } }, { lane: 'bulk' })
      }
    },
  }
}

type World = ReturnType<typeof start>

/** Ada is a customer, an update of her is at the end of the backlog, and a minute later `live` happens. */
async function withBacklog(
  update: object | ((world: World) => Promise<unknown>),
  live: (world: World) => Promise<unknown>,
): Promise<World> {
  const world = start()
  await world.publisher.identifyUser({ identifiers: who, attributes: { plan: 'free' } })
  await world.pass(1)
  expect(world.planOfAda()).toBe('free')
  await world.fillBulk()
  const attributes = { plan: 'old', ...update }
  if (typeof update === 'function') await update(world)
  else await world.publisher.identifyUser({ identifiers: who, attributes }, { lane: 'bulk' })
  await world.pass(60)
  await live(world)
  await world.pass(BACKLOG_SECONDS - 62)
  expect(world.waiting()).toBeGreaterThan(0)
  return world
}

it('brings back who was deleted, if the older update may create them: why the others below are needed', async () => {
  const world = await withBacklog({}, ({ publisher }) => publisher.deleteUser(who))
  expect(world.knowsAda()).toBe(false)
  await world.pass(10)
  expect(world.waiting()).toBe(0)
  expect(world.planOfAda()).toBe('old')
})

it('leaves who was deleted deleted, if the older update only updates', async () => {
  const world = await withBacklog({ _update: true }, ({ publisher }) => publisher.deleteUser(who))
  await world.pass(10)
  expect(world.waiting()).toBe(0)
  expect(world.knowsAda()).toBe(false)
})

it('keeps who was deleted and then came back as they came back', async () => {
  const world = await withBacklog({ _update: true }, async ({ publisher }) => {
    await publisher.deleteUser(who)
    await publisher.identifyUser({ identifiers: who, attributes: { plan: 'new' } })
  })
  await world.pass(10)
  expect(world.waiting()).toBe(0)
  expect(world.planOfAda()).toBe('new')
})

it('leaves who was suppressed deleted, whatever waits', async () => {
  const world = await withBacklog({}, ({ publisher }) => publisher.suppressUser(who))
  await world.pass(10)
  expect(world.waiting()).toBe(0)
  expect(world.knowsAda()).toBe(false)
})

it('leaves who was deleted in both lanes deleted, once the bulk lane is through', async () => {
  const world = await withBacklog({}, async ({ publisher }) => {
    await publisher.deleteUser(who)
    await publisher.deleteUser(who, { lane: 'bulk' })
  })
  await world.pass(10)
  expect(world.waiting()).toBe(0)
  expect(world.knowsAda()).toBe(false)
})

describe('what the product publishes in bulk itself', () => {
  const update = { identifiers: who, attributes: { plan: 'old' } }

  it('`publish --file --update-only` and `replay` leave who was deleted deleted', async () => {
    const { attributes } = updateOnly(update)
    const world = await withBacklog(attributes, ({ publisher }) => publisher.deleteUser(who))
    await world.pass(10)
    expect(world.waiting()).toBe(0)
    expect(world.knowsAda()).toBe(false)
  })

  it.each(['sync', 'sync --full'])(
    '`%s` leaves deleted whom the application deletes by its repository',
    async (command) => {
      const world = await withBacklog(
        async ({ repository, store }) => {
          store.users.set(who.id, { id: who.id, email: null, values: { plan: 'old' } })
          await repository.syncAll({ force: command === 'sync --full' })
        },
        async ({ store, live }) => {
          store.users.delete(who.id)
          await live.onUserDeleted({ id: who.id })
        },
      )
      expect(world.knowsAda()).toBe(false)
      await world.pass(30)
      expect(world.waiting()).toBe(0)
      expect(world.knowsAda()).toBe(false)
    },
  )
})
