/** The contract of the three topics: the only definition of what may be published. See README.md. */
export { DEFINITIONS } from './definitions.ts'
export { type IdentifyMessage, type IdentifyMessageInput, identifyMessage } from './identify.ts'
export { LIMITS } from './limits.ts'
export { type Measure, measuresOf } from './measures.ts'
export { expiryOf, type Lane, lane, messageAttributes } from './message-attributes.ts'
export { type FieldProblem, fieldProblems, type Parsed, type ParseOptions, parseMessage } from './parse.ts'
export { renderPath } from './problems.ts'

export { isLiquid } from './recipients.ts'

export { isTopicName, TOPIC_SCHEMAS, type TopicName } from './topics.ts'

export { type TrackMessage, type TrackMessageInput, trackMessage } from './track.ts'
export { type TransactionalMessage, type TransactionalMessageInput, transactionalMessage } from './transactional.ts'
export { isUlid } from './ulid.ts'
