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

/** Operations on a person that cannot be undone, or that undo later changes. */
const DRASTIC: ReadonlySet<string> = new Set(['delete', 'suppress', 'unsuppress', 'merge'])

/** What is asked about before it is published: `delete`, `broadcast`, …; undefined for all else. Pure. */
export function drasticIn({ topic, message }: ValidMessage): string | undefined {
  if (topic === 'transactional') return message.channel === 'broadcast' ? 'broadcast' : undefined
  return topic === 'identify' ? drasticAction(message.action) : undefined
}

/** The action itself when it is one of those that are asked about. Pure. */
export function drasticAction(action: unknown): string | undefined {
  return typeof action === 'string' && DRASTIC.has(action) ? action : undefined
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
