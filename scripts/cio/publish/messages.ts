import {
  type IdentifyMessage,
  identifyMessage,
  parseMessage,
  type TopicName,
  type TrackMessage,
  type TransactionalMessage,
  trackMessage,
  transactionalMessage,
} from '../../../shared/contract/index.ts'
import type { MessagingPublisher, PublishOptions } from '../../../shared/publisher/index.ts'

/** A message that keeps the contract of its topic. */
export type ValidMessage =
  | { readonly topic: 'identify'; readonly message: IdentifyMessage }
  | { readonly topic: 'track'; readonly message: TrackMessage }
  | { readonly topic: 'transactional'; readonly message: TransactionalMessage }

/** One message of the input. */
export interface InputMessage {
  /** From 1; of a single message always 1. */
  readonly line: number
  readonly text: string
}

/** One JSON document, or one on each line; empty lines are passed over. Pure. */
export function splitMessages(text: string): readonly InputMessage[] {
  try {
    JSON.parse(text)
    return [{ line: 1, text }]
  } catch {
    const lines = text.split(/\r?\n/).map((line, index) => ({ line: index + 1, text: line }))
    const filled = lines.filter((line) => line.text.trim() !== '')
    // A document over several lines that is broken somewhere: the whole of it is what is wrong, not its first line.
    const isLines = filled.length > 1 && filled.every((line) => line.text.trimStart().startsWith('{'))
    return isLines ? filled : [{ line: 1, text }]
  }
}

export type Checked =
  | { readonly ok: true; readonly valid: ValidMessage }
  | { readonly ok: false; readonly problem: string }

/** Checks one message as the function of its topic will. Pure but for the clock. */
export function check(topic: TopicName, data: Uint8Array, now: () => number): Checked {
  switch (topic) {
    case 'identify': {
      const parsed = parseMessage(identifyMessage, data, { now })
      return parsed.ok ? { ok: true, valid: { topic, message: parsed.value } } : { ok: false, problem: parsed.error }
    }
    case 'track': {
      const parsed = parseMessage(trackMessage, data, { now })
      return parsed.ok ? { ok: true, valid: { topic, message: parsed.value } } : { ok: false, problem: parsed.error }
    }
    case 'transactional': {
      const parsed = parseMessage(transactionalMessage, data, { now })
      return parsed.ok ? { ok: true, valid: { topic, message: parsed.value } } : { ok: false, problem: parsed.error }
    }
  }
}

export function publishValid(
  publisher: MessagingPublisher,
  { topic, message }: ValidMessage,
  options: PublishOptions,
): Promise<string> {
  switch (topic) {
    case 'identify':
      return publisher.publish(topic, message, options)
    case 'track':
      return publisher.publish(topic, message, options)
    case 'transactional':
      return publisher.publish(topic, message, options)
  }
}
