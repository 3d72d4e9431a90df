import { type Message, PubSub, type Subscription } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../scripts/emulators/pubsub/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { parseTraceparent } from '../trace/index.ts'
import {
  MessagingPublisher,
  PublisherClosedError,
  PublisherValidationError,
  PublishFailedError,
  type PublishOptions,
  type PubSubClient,
} from './index.ts'

const jane = { id: 'u1' }
const person = { type: 'person', identifiers: jane }

/** Acknowledges what arrives and hands it out one by one, in the order of arrival. */
class Inbox {
  readonly #arrived: Message[] = []
  readonly #subscription: Subscription
  #tell = () => {}

  constructor(subscription: Subscription) {
    this.#subscription = subscription
    subscription.on('message', (message: Message) => {
      message.ack()
      this.#arrived.push(message)
      this.#tell()
    })
  }

  async next(): Promise<{ body: unknown; message: Message }> {
    for (;;) {
      const message = this.#arrived.shift()
      if (message !== undefined) return { body: JSON.parse(message.data.toString()), message }
      await new Promise<void>((resolve) => {
        this.#tell = resolve
      })
    }
  }

  close(): Promise<void> {
    return this.#subscription.close()
  }
}

describe('MessagingPublisher', () => {
  let server: PubSubServer
  let pubsub: PubSub
  let publisher: MessagingPublisher
  let identify: Inbox
  let track: Inbox
  let transactional: Inbox

  beforeAll(async () => {
    server = await startPubSub({ port: 0 })
    pubsub = new PubSub({ projectId: 'local', apiEndpoint: server.host })
    const inbox = async (name: string) => {
      const [topic] = await pubsub.createTopic(name)
      await topic.createSubscription(name, { enableMessageOrdering: true })
      // Acknowledged at once: the next message of an ordering key waits for it.
      return new Inbox(pubsub.subscription(name, { batching: { maxMilliseconds: 0 } }))
    }
    identify = await inbox('identify')
    track = await inbox('track')
    transactional = await inbox('transactional')
  })
  afterAll(async () => {
    for (const inbox of [identify, track, transactional]) await inbox.close()
    await pubsub.close()
    await server.close()
  })
  beforeEach(() => {
    publisher = new MessagingPublisher({ pubsub })
  })

  it('publishes and resolves with the id that Pub/Sub gave', async () => {
    const id = await publisher.identifyUser({
      identifiers: jane,
      attributes: { plan: 'pro' },
      timestamp: 1_763_740_000,
    })
    const { body, message } = await identify.next()
    expect(message.id).toBe(id)
    expect(body).toEqual({ ...person, action: 'identify', attributes: { plan: 'pro' }, timestamp: 1_763_740_000 })
    expect(message.orderingKey).toBe('id:u1')
  })

  it('always sets an idempotency key and a trace: the given ones, or new ones', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await publisher.trackEvent({ identifiers: jane, name: 'paid' }, { idempotencyKey: 'order-1', traceparent })
    let { attributes } = (await track.next()).message
    expect(attributes.idempotency_key).toBe('order-1')
    expect(parseTraceparent(attributes.traceparent)?.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
    await publisher.trackEvent({ identifiers: jane, name: 'paid' }, { traceparent: 'nonsense' })
    attributes = (await track.next()).message.attributes
    expect(attributes.idempotency_key).toMatch(/^[0-9a-f-]{36}$/)
    expect(parseTraceparent(attributes.traceparent)).toBeDefined()
  })

  const to = [{ identifiers: { object_type_id: '1', object_id: 'acme' } }]
  it.each([
    ['suppressUser', () => publisher.suppressUser(jane), { ...person, action: 'suppress' }],
    ['unsuppressUser', () => publisher.unsuppressUser(jane), { ...person, action: 'unsuppress' }],
    ['deleteUser', () => publisher.deleteUser(jane), { ...person, action: 'delete' }],
    [
      'mergeUsers',
      () => publisher.mergeUsers({ primary: jane, secondary: { email: 'j@example.com' } }),
      { type: 'person', action: 'merge', primary: jane, secondary: { email: 'j@example.com' } },
    ],
    [
      'addDevice',
      () => publisher.addDevice(jane, { token: 't', platform: 'ios' }),
      { ...person, action: 'add_device', device: { token: 't', platform: 'ios' } },
    ],
    [
      'deleteDevice',
      () => publisher.deleteDevice(jane, 't'),
      { ...person, action: 'delete_device', device: { token: 't' } },
    ],
    [
      'addRelationships',
      () => publisher.addRelationships(jane, to),
      { ...person, action: 'add_relationships', cio_relationships: to },
    ],
    [
      'deleteRelationships',
      () => publisher.deleteRelationships(jane, to),
      { ...person, action: 'delete_relationships', cio_relationships: to },
    ],
  ])('%s publishes to identify, in the order of the person', async (_, publish, body) => {
    await publish()
    const arrived = await identify.next()
    expect(arrived.body).toEqual(body)
    expect(arrived.message.orderingKey).toBe('id:u1')
  })

  it('publishes sends and broadcasts to transactional, without an order', async () => {
    const receipt = {
      channel: 'email',
      transactional_message_id: 'receipt',
      identifiers: jane,
      to: 'j@example.com',
    } as const
    await publisher.sendTransactional(receipt)
    let arrived = await transactional.next()
    expect(arrived.body).toEqual(receipt)
    expect(arrived.message.orderingKey ?? '').toBe('')
    await publisher.triggerBroadcast({ broadcast_id: 7, ids: ['u1'] })
    arrived = await transactional.next()
    expect(arrived.body).toEqual({ channel: 'broadcast', broadcast_id: 7, ids: ['u1'] })
  })

  it('publishes operations on objects as they are', async () => {
    await publisher.publish('identify', { type: 'object', identifiers: { object_type_id: 1, object_id: 'acme' } })
    expect((await identify.next()).message.orderingKey).toBe('object:1:acme')
  })

  it('sets no ordering key, or that of another identifier, where it is told to', async () => {
    await publisher.identifyUser({ identifiers: jane }, { unordered: true })
    expect((await identify.next()).message.orderingKey ?? '').toBe('')
    await publisher.suppressUser({ email: 'j@example.com' }, { orderedAs: jane })
    expect((await identify.next()).message.orderingKey).toBe('id:u1')
  })

  it('publishes in the lane that it is told, ordered all the same', async () => {
    await publisher.identifyUser({ identifiers: jane }, { lane: 'bulk' })
    expect((await identify.next()).message).toMatchObject({ orderingKey: 'id:u1', attributes: { lane: 'bulk' } })
    await publisher.trackEvent({ identifiers: jane, name: 'paid' })
    expect((await track.next()).message.attributes).not.toHaveProperty('lane')
    const importer = new MessagingPublisher({ pubsub, lane: 'bulk' })
    await importer.trackEvent({ identifiers: jane, name: 'paid' })
    expect((await track.next()).message.attributes.lane).toBe('bulk')
    const options = { lane: 'urgent' } as unknown as PublishOptions
    await expect(publisher.trackEvent({ identifiers: jane, name: 'paid' }, options)).rejects.toMatchObject({
      name: 'PublisherValidationError',
      problem: 'lane: must be bulk, or absent',
    })
  })

  it('says until when a message may be sent', async () => {
    const at = new MessagingPublisher({ pubsub, now: () => 1_763_740_000_001 })
    await at.trackEvent({ identifiers: jane, name: 'paid' }, { validForSeconds: 600 })
    expect((await track.next()).message.attributes.expires_at).toBe('1763740601')
    await at.trackEvent({ identifiers: jane, name: 'paid' })
    expect((await track.next()).message.attributes).not.toHaveProperty('expires_at')
    for (const validForSeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '600' as unknown as number]) {
      await expect(at.trackEvent({ identifiers: jane, name: 'paid' }, { validForSeconds })).rejects.toMatchObject({
        problem: 'validForSeconds: must be a number of seconds above 0',
      })
    }
  })

  it('keeps the order of many messages of one person', async () => {
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    await Promise.all(numbers.map((n) => publisher.identifyUser({ identifiers: jane, attributes: { n } })))
    for (const n of numbers) expect((await identify.next()).body).toMatchObject({ attributes: { n } })
  })

  it('refuses what breaks the contract before anything is published, and names no value', async () => {
    const before = server.stats('projects/local/subscriptions/identify').deliveries
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    const wrong = [
      publisher.identifyUser({ identifiers: { id: '' } }),
      publisher.identifyUser({ identifiers: jane, attributes: { note: 'secret'.repeat(200) } }),
      publisher.identifyUser({ identifiers: jane, attributes: cyclic }),
      publisher.identifyUser({ identifiers: jane, attributes: { big: 1n } }),
      publisher.trackEvent({ identifiers: jane, name: 'paid', timestamp: 1_763_740_000_000 }),
      publisher.trackEvent({ identifiers: jane, name: 'paid' }, { idempotencyKey: '' }),
      publisher.trackEvent({ identifiers: jane, name: 'paid' }, { idempotencyKey: 'k'.repeat(1_025) }),
    ]
    for (const refused of await Promise.allSettled(wrong)) {
      expect(refused.status).toBe('rejected')
      const { reason } = refused as PromiseRejectedResult
      expect(reason).toBeInstanceOf(PublisherValidationError)
      expect(reason.message).not.toContain('secret')
    }
    expect(server.stats('projects/local/subscriptions/identify').deliveries).toBe(before)
  })

  it.each([
    ['NaN', { total: Number.NaN }, 'attributes.total: is NaN, which JSON cannot carry'],
    ['Infinity', { list: [1, Number.POSITIVE_INFINITY] }, 'attributes.list[1]: is Infinity, which JSON cannot carry'],
    ['an invalid date', { born: new Date('soon') }, 'attributes.born: is an invalid date'],
    [
      'an invalid date in a list',
      { days: [new Date(0), new Date(Number.NaN)] },
      'attributes.days[1]: is an invalid date',
    ],
    ['NaN in a box', { total: Object(Number.NaN) }, 'attributes.total: is NaN, which JSON cannot carry'],
    ['a Map', { rates: new Map([['a', 1]]) }, 'attributes.rates: is a Map or a Set, of which JSON keeps nothing'],
    ['a Set', { list: [new Set([1])] }, 'attributes.list[0]: is a Map or a Set, of which JSON keeps nothing'],
    [
      'a bigint',
      { a: { 'b c': 1n } },
      'attributes.a["b c"]: is a bigint, which JSON cannot carry: send it as a string',
    ],
  ])('refuses %s instead of publishing null for it', async (_what, attributes, problem) => {
    const refused = publisher.trackEvent({ identifiers: jane, name: 'paid', attributes })
    await expect(refused).rejects.toMatchObject({ name: 'PublisherValidationError', problem })
  })

  it.each([[7], [{ order: 7 }], [Symbol('order')], ['\ud800']])('refuses %p as an idempotency key', async (key) => {
    const options = { idempotencyKey: key } as unknown as PublishOptions
    await expect(publisher.trackEvent({ identifiers: jane, name: 'paid' }, options)).rejects.toMatchObject({
      name: 'PublisherValidationError',
      problem: 'idempotencyKey: must be a string of 1 to 1024 bytes of UTF-8',
    })
  })

  it.each([
    [3, false, 'refuses the request as invalid'],
    [5, false, 'there is no such topic'],
    [7, false, 'roles/pubsub.publisher'],
    [16, false, 'the credentials are not valid'],
    [14, true, 'publish again with the same idempotency key'],
    [undefined, true, 'publish again with the same idempotency key'],
  ])('says what to do about gRPC code %p', (code, retryable, advice) => {
    const error = new PublishFailedError('track', 'order-1', Object.assign(new Error('x'), { code }))
    expect(error).toMatchObject({ retryable, message: expect.stringContaining(advice) })
    expect(error.message.includes('publish again')).toBe(retryable)
  })

  it('gives up after its time, and takes messages of that ordering key again once Pub/Sub has failed', async () => {
    const clock = manualClock()
    const resumed: string[] = []
    let fail = (_cause: Error) => {}
    const slow: PubSubClient = {
      topic: () => ({
        publishMessage: () =>
          new Promise((_resolve, reject) => {
            fail = reject
          }),
        resumePublishing: (key) => resumed.push(key),
      }),
      close: async () => {},
    }
    const waiting = new MessagingPublisher({ pubsub: slow, now: clock.now, after: clock.after })
    const publishing = waiting.identifyUser({ identifiers: jane })
    const outcome = publishing.catch((error: unknown) => error)
    await new Promise(setImmediate)
    clock.advance(59_999)
    await new Promise(setImmediate)
    expect(clock.pending).toEqual([1])
    clock.advance(1)
    expect(await outcome).toMatchObject({
      name: 'PublishFailedError',
      retryable: true,
      cause: { name: 'TimeoutError' },
    })
    fail(new Error('UNAVAILABLE'))
    await new Promise(setImmediate)
    expect(resumed).toEqual(['id:u1'])
  })

  it('publishes to the topics behind a prefix, but to those that are named as they are', async () => {
    const names: string[] = []
    const publishMessage = async () => '1'
    const client: PubSubClient = {
      topic(name) {
        names.push(name)
        return { publishMessage, resumePublishing() {} }
      },
      async close() {},
    }
    const prefixed = new MessagingPublisher({ pubsub: client, topicPrefix: 'uk-', topics: { track: 'events' } })
    await prefixed.identifyUser({ identifiers: jane })
    await prefixed.trackEvent({ identifiers: jane, name: 'n' })
    expect(names).toEqual(['uk-identify', 'events'])
  })

  it('goes on with an ordering key after a publish under it failed', async () => {
    const elsewhere = new MessagingPublisher({ pubsub, topics: { identify: 'not-there-yet' } })
    const first = elsewhere.identifyUser({ identifiers: jane }, { idempotencyKey: 'first' })
    const behind = elsewhere.identifyUser({ identifiers: jane })
    const failure = await first.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PublishFailedError)
    expect(failure).toMatchObject({ topic: 'identify', idempotencyKey: 'first', cause: { code: 5 } })
    await expect(behind).rejects.toBeInstanceOf(PublishFailedError)

    await pubsub.createTopic('not-there-yet')
    await expect(elsewhere.identifyUser({ identifiers: jane }, { idempotencyKey: 'first' })).resolves.toEqual(
      expect.any(String),
    )
  })

  it('flushes and takes nothing more when closed, and leaves a client that it was given open', async () => {
    const publishing = publisher.trackEvent({ identifiers: jane, name: 'last words' })
    await publisher.close()
    await expect(publishing).resolves.toEqual(expect.any(String))
    await track.next()
    await expect(publisher.trackEvent({ identifiers: jane, name: 'too late' })).rejects.toBeInstanceOf(
      PublisherClosedError,
    )
    await expect(pubsub.topic('track').exists()).resolves.toEqual([true])
  })

  it.each([
    ['of its own', () => undefined],
    ['that it was given', () => new PubSub()],
  ])('fails without a project under an emulator, where a client %s would end the process', async (_whose, client) => {
    const { env } = process
    // Without PATH, Google's client does not ask gcloud, which may know a project.
    process.env = { ...env, PATH: '', PUBSUB_EMULATOR_HOST: server.host }
    delete process.env.GOOGLE_CLOUD_PROJECT
    try {
      const pubsub = client()
      const homeless = new MessagingPublisher(pubsub === undefined ? {} : { pubsub })
      await expect(homeless.trackEvent({ identifiers: jane, name: 'seen' })).rejects.toMatchObject({
        name: 'PublishFailedError',
        retryable: false,
        message: expect.stringContaining('give the option `projectId`'),
      })
    } finally {
      process.env = env
    }
  })

  it('makes a client of its own at the first publish, and closes it', async () => {
    const unused = new MessagingPublisher()
    await unused.close()

    const before = process.env.PUBSUB_EMULATOR_HOST
    process.env.PUBSUB_EMULATOR_HOST = server.host
    try {
      const own = new MessagingPublisher({ projectId: 'local' })
      await own.trackEvent({ identifiers: { anonymous_id: 'a1' }, name: 'seen' })
      await track.next()
      await own.close()
    } finally {
      if (before === undefined) delete process.env.PUBSUB_EMULATOR_HOST
      else process.env.PUBSUB_EMULATOR_HOST = before
    }
  })
})
