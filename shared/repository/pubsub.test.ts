import { EventEmitter, on } from 'node:events'
import { type Message, PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../scripts/emulators/pubsub/index.ts'
import { MessagingPublisher } from '../publisher/index.ts'
import { migrate, PostgresUserStore, parseMapping, UserMessagingRepository, WEBHOOK_FILTER } from './index.ts'
import { insertUser, MAPPING_YAML, USERS_SQL } from './testing/people.ts'
import { startAnyPostgres, type TestPostgres } from './testing/postgres.ts'
import { clickWebhook, webhookOf } from './testing/webhooks.ts'

const mapping = parseMapping(MAPPING_YAML)

describe('the repository behind real topics', () => {
  let server: PubSubServer
  let pubsub: PubSub
  let postgres: TestPostgres
  beforeAll(async () => {
    server = await startPubSub({ port: 0 })
    pubsub = new PubSub({ projectId: 'local', apiEndpoint: server.host })
    postgres = await startAnyPostgres()
    await postgres.pool.query(USERS_SQL)
    await migrate(postgres.pool)
    await insertUser(postgres.pool, 1)
  }, 60_000)
  afterAll(async () => {
    await pubsub.close()
    await server.close()
    await postgres[Symbol.asyncDispose]()
  })

  it('publishes in the order of the person, and hears of webhooks through the filter of the README', async () => {
    const [topic] = await pubsub.createTopic('identify')
    const [identify] = await topic.createSubscription('identify', { enableMessageOrdering: true })
    const [events] = await pubsub.createTopic('webhook-events')
    const [preferences] = await events.createSubscription('preferences', { filter: WEBHOOK_FILTER })
    const publisher = new MessagingPublisher({ pubsub })
    const store = new PostgresUserStore(postgres.pool, mapping)
    const users = new UserMessagingRepository({ store, mapping, publisher })

    const arrived = on(identify, 'message')
    await users.updatePreferences('1', { marketing: true })
    await users.onDeadLetter({ data: '{"identifiers":{"id":"1"}}' })
    await users.syncUser('1')
    for (const attributes of [{ unsubscribed: false }, { unsubscribed: false }, { plan: 'free' }]) {
      const message: Message = (await arrived.next()).value?.[0]
      message.ack()
      expect(message.orderingKey).toBe('id:1')
      expect(JSON.parse(message.data.toString())).toMatchObject({ identifiers: { id: '1' }, attributes })
    }

    const handled = new EventEmitter<{ handled: [unknown] }>()
    const results = on(handled, 'handled')
    preferences.on('message', async (message) => {
      handled.emit('handled', await users.handleWebhookEvent(message))
      message.ack()
    })
    const now = Math.floor(Date.now() / 1_000) + 60
    for (const webhook of [webhookOf('1', 'opened', now), clickWebhook('1', 'unsubscribed', now)]) {
      await events.publishMessage({ data: Buffer.from(webhook.data), attributes: { ...webhook.attributes } })
    }
    const { value } = await results.next()
    expect(value).toMatchObject([{ kind: 'handled', choices: { marketing: 'accepted' } }])
    expect((await users.getPreferences('1')).marketing).toBe(false)
    await identify.close()
    await preferences.close()
    await publisher.close()
  })
})
