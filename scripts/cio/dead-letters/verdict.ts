import { type FieldProblem, fieldProblems, isTopicName, TOPIC_SCHEMAS } from '../../../shared/contract/index.ts'

/**
 * What today's contract finds wrong with a message, field by field; undefined for a topic that has none. It need not be what the
 * function found: the contract may have changed since.
 */
export function verdictOn(topic: string, data: Uint8Array, now: () => number): readonly FieldProblem[] | undefined {
  return isTopicName(topic) ? fieldProblems(TOPIC_SCHEMAS[topic], data, { now }) : undefined
}
