export type { Lane, TopicName } from '../contract/index.ts'
export { PublisherClosedError, PublisherValidationError, PublishFailedError } from './errors.ts'
export { orderingKeyOf } from './ordering.ts'
export {
  type Broadcast,
  type IdentifyUser,
  MessagingPublisher,
  type Person,
  type PublishedMessage,
  type PublisherOptions,
  type PublishOptions,
  type PubSubClient,
  type PubSubTopic,
  type Send,
} from './publisher.ts'
