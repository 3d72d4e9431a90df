export { cutBytes, type DeadLetter, deadLetterOf, type Failure, PUBSUB_LIMITS } from './dead-letter.ts'
export { createDeadLetterTopic, type DeadLetterTopicOptions } from './dead-letter-publisher.ts'
export {
  ATTEMPTS_KEPT_IN_RESERVE,
  createPushHandler,
  type DeadLetters,
  failureOf,
  type Parsed,
  type PushFunction,
  type PushHandlerOptions,
} from './handler.ts'
export { LARGEST_PUSH_BYTES, type ReceivedMessage, unwrapPush } from './push.ts'
