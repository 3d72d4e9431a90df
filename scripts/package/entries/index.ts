/** `cio-gcp`: publish to the pipeline. Each name comes from the file that defines it, so that an entry loads nothing else. */

export {
  type IdentifyMessage,
  type IdentifyMessageInput,
  identifyMessage,
  type Parsed,
  type ParseOptions,
  parseMessage,
  type TrackMessage,
  type TrackMessageInput,
  type TransactionalMessage,
  type TransactionalMessageInput,
  trackMessage,
  transactionalMessage,
} from '../../../shared/contract/index.ts'
export { LIMITS } from '../../../shared/contract/limits.ts'
export {
  type Broadcast,
  type IdentifyUser,
  type Lane,
  MessagingPublisher,
  type Person,
  type PublishedMessage,
  PublisherClosedError,
  type PublisherOptions,
  PublisherValidationError,
  PublishFailedError,
  type PublishOptions,
  type PubSubClient,
  type PubSubTopic,
  type Send,
  type TopicName,
} from '../../../shared/publisher/index.ts'
