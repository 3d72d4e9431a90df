import type { IdentifyMessage, TrackMessage } from '../contract/index.ts'
import { deriveEventId } from './event-id.ts'

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/

function secondsOf(time: string | undefined): number | undefined {
  if (time === undefined || !RFC_3339.test(time)) return undefined
  const seconds = Math.floor(Date.parse(time) / 1000)
  return seconds >= 0 ? seconds : undefined
}

/**
 * When a message was first published, in unix seconds: the attribute `source_publish_time` of a replay, else Pub/Sub's
 * publish time (RFC 3339), else undefined.
 */
export function originalPublishTime(
  attributes: Readonly<Record<string, string>>,
  publishTime: string,
): number | undefined {
  return secondsOf(attributes.source_publish_time) ?? secondsOf(publishTime)
}

export interface Defaults {
  /** As given by `messageKey`. */
  readonly key: string
  /** As given by `originalPublishTime`; when undefined, Customer.io's own time of arrival stands. */
  readonly publishTimeSeconds: number | undefined
}

/**
 * What makes a message safe to send again. A person's `identify` gets a timestamp, by which Customer.io orders the
 * updates, so that a late redelivery does not overwrite newer attributes; an event gets the id by which Customer.io
 * knows duplicates, and its time. What the publisher set stays; other operations have neither field.
 */
export function withDefaults(message: IdentifyMessage, defaults: Defaults): IdentifyMessage
export function withDefaults(message: TrackMessage, defaults: Defaults): TrackMessage
export function withDefaults(
  message: IdentifyMessage | TrackMessage,
  { key, publishTimeSeconds }: Defaults,
): IdentifyMessage | TrackMessage {
  const time = publishTimeSeconds === undefined ? {} : { timestamp: publishTimeSeconds }
  switch (message.action) {
    case 'event':
    case 'page':
    case 'screen':
      return { ...time, id: deriveEventId(key, message.identifiers, message.name), ...message }
    case 'identify':
      return message.type === 'person' ? { ...time, ...message } : message
    default:
      return message
  }
}

/** Clocks differ by less, and a sync publishes soon after it has read. */
const OLDER_SECONDS = 60

/**
 * Whether a person's update tells of a time well before its publish. Customer.io does not apply it if it has applied a later
 * one, and says so nowhere.
 */
export function tellsOlderTime(
  message: IdentifyMessage | TrackMessage,
  publishTimeSeconds: number | undefined,
): boolean {
  if (message.action !== 'identify' || message.type !== 'person') return false
  if (message.timestamp === undefined || publishTimeSeconds === undefined) return false
  return message.timestamp < publishTimeSeconds - OLDER_SECONDS
}
