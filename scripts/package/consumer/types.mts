// Compiled by tsc, never run: what holds for the types of the package. Each error that is expected fails the compilation when it does not come.

import { PubSub } from '@google-cloud/pubsub'
import { LIMITS, MessagingPublisher, type PublisherOptions, type TrackMessageInput } from 'cio-gcp'
import { PostgresUserStore, parseMapping, UserMessagingRepository, type UserStore } from 'cio-gcp/repository'
import { createFakePublisher, type LocalPipeline, startLocalPipeline } from 'cio-gcp/testing'
import type { WebhookEvent } from 'cio-gcp/webhooks'

const options: PublisherOptions = { pubsub: new PubSub(), projectId: 'p' }
const publisher = new MessagingPublisher(options)
const event: TrackMessageInput = { identifiers: { id: 'u1' }, name: 'order_completed' }
const id: Promise<string> = publisher.trackEvent(event, { idempotencyKey: 'k' })
// @ts-expect-error: an event has a name
publisher.trackEvent({ identifiers: { id: 'u1' } })
// @ts-expect-error: there is no such channel
publisher.sendTransactional({ channel: 'fax', to: '1', identifiers: { id: 'u1' } })
// @ts-expect-error: an operation of the identify topic
publisher.publish('track', { action: 'delete', identifiers: { id: 'u1' } })

// @ts-expect-error: not part of the public surface
export { orderingKeyOf } from 'cio-gcp'

const bytes: number = LIMITS.attributeValueBytes
const fake = createFakePublisher()
const first: string | undefined = fake.published[0]?.idempotencyKey
const pipeline: Promise<LocalPipeline> = startLocalPipeline()
// @ts-expect-error: a number has no name
pipeline.then((started) => started.name)

declare const store: UserStore
const mapping = parseMapping('{table: users, never: [], attributes: {}}')
const repository = new UserMessagingRepository({ store, mapping, publisher: fake })
// @ts-expect-error: users have ids that are strings
repository.syncUser(1)
declare const pool: ConstructorParameters<typeof PostgresUserStore>[0]
const postgres: UserStore = new PostgresUserStore(pool, mapping)

export const recipient = (received: WebhookEvent): string | undefined => received.data?.delivery_id
// @ts-expect-error: a text
export const wrong = (received: WebhookEvent): number => received.event_id
export const all = { id, bytes, first, postgres }
