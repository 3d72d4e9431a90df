import { identifyMessage } from './identify.ts'
import { trackMessage } from './track.ts'
import { transactionalMessage } from './transactional.ts'

/** Every topic that applications publish to, with the schema of its messages. Not for functions, which need one of them. */
export const TOPIC_SCHEMAS = { identify: identifyMessage, track: trackMessage, transactional: transactionalMessage }
export type TopicName = keyof typeof TOPIC_SCHEMAS

export function isTopicName(text: string): text is TopicName {
  return Object.hasOwn(TOPIC_SCHEMAS, text)
}
