import { flag, isObject } from '../json/index.ts'

/** One subscription that a person has or has not: to a topic, or to a channel. */
export interface Preference {
  readonly kind: 'topic' | 'channel'
  /** `topic_7`, or `email`. */
  readonly name: string
  readonly subscribed: boolean
}

export interface Preferences {
  readonly preferences: readonly Preference[]
  /** What of the content could not be read. */
  readonly notUnderstood?: string
}

/**
 * The channels that Customer.io has. https://docs.customer.io/journeys/subscription-center/: a person receives a message
 * only if subscribed to its topic and to its channel.
 */
export const CHANNELS = ['email', 'sms', 'push', 'in_app', 'whatsapp', 'slack', 'line', 'inbox'] as const
export type Channel = (typeof CHANNELS)[number]

/** Also of channels that are still to come: an opt-out is understood before its channel is. */
const CHANNEL_NAME = /^[a-z][a-z0-9_]{0,62}$/
const TOPIC_NAME = /^topic_[1-9][0-9]{0,14}$/

/**
 * Reads the `content` of `cio_subscription_preferences_changed`: `{"topics":{"topic_1":true},"channels":{"email":false}}`,
 * as an object, as JSON in a string (as documented), or as JSON in a string in a string. Each part that can be read is
 * taken, whatever the others are; the rest is named, never left out in silence.
 */
export function readPreferences(content: unknown): Preferences {
  const object = unwrapped(content)
  if (!isObject(object)) return { preferences: [], notUnderstood: 'content holds no topics' }
  const { topics, channels, ...others } = object
  const preferences: Preference[] = []
  const problems: string[] = []
  const read = (kind: Preference['kind'], values: unknown, name: RegExp): void => {
    const named = unwrapped(values)
    if (named === undefined || named === null) return
    if (!isObject(named)) return void problems.push(`${kind}s are no object`)
    let unread = 0
    for (const [key, value] of Object.entries(named)) {
      const subscribed = flag(value)
      if (subscribed === undefined || !name.test(key)) unread++
      else preferences.push({ kind, name: key, subscribed })
    }
    if (unread > 0) problems.push(`${unread} ${kind}s are neither true nor false`)
  }
  read('topic', topics, TOPIC_NAME)
  read('channel', channels, CHANNEL_NAME)
  const unknown = Object.keys(others).length
  if (unknown > 0) problems.push(`${unknown} keys are neither topics nor channels`)
  else if (topics === undefined && channels === undefined) problems.push('content holds no topics')
  return problems.length === 0 ? { preferences } : { preferences, notUnderstood: problems.join('; ') }
}

/** What is written as JSON in a string, up to three times over. */
function unwrapped(value: unknown): unknown {
  let inner = value
  for (let times = 0; times < 3 && typeof inner === 'string'; times++) {
    try {
      inner = JSON.parse(inner)
    } catch {
      return inner
    }
  }
  return inner
}
