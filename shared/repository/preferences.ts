import { CHANNELS, type Channel } from '../consent/index.ts'
import type { Choice } from './choice.ts'

/** A subject that a person chooses about. Topics have the numbers that Customer.io gives them. */
export type PreferenceName = 'marketing' | 'transactional' | `topic_${number}` | `channel_${string}`

export type Choices = ReadonlyMap<PreferenceName, Choice>
export const NO_CHOICES: Choices = new Map()

/** What the application reads. What nobody chose is allowed: opting in is what signing up was. */
export interface Preferences {
  /** False: no campaigns, newsletters or broadcasts. Customer.io's `unsubscribed`. */
  readonly marketing: boolean
  /** False: no transactional messages either. Customer.io has no such switch; the attribute `transactional_opt_in`. */
  readonly transactional: boolean
  /** Only topics that somebody chose about, by their number at Customer.io. */
  readonly topics: Readonly<Record<number, boolean>>
  /**
   * Only channels that somebody chose about: `email`, `sms`, `push`, `in_app`, `whatsapp`, `slack`, `line`, `inbox`, or one
   * that is still to come. Whoever left a channel gets no campaign on it, whatever the topic.
   */
  readonly channels: Readonly<Record<string, boolean>>
  /** False after a hard bounce or a complaint, until the person has another address. */
  readonly emailDeliverable: boolean
}

/** What the application changes: what is left out stays as it is. */
export interface PreferenceChanges {
  readonly marketing?: boolean
  readonly transactional?: boolean
  readonly topics?: Readonly<Record<number, boolean>>
  readonly channels?: Readonly<Partial<Record<Channel, boolean>>>
}

/** The attributes that the preferences own: no mapping may write them. */
export const OWNED_ATTRIBUTES = ['unsubscribed', 'transactional_opt_in', 'cio_subscription_preferences'] as const

/** True for `unsubscribed`, `cio_subscription_preferences.topics.topic_7` and their kin. */
export function isOwnedAttribute(name: string): boolean {
  return OWNED_ATTRIBUTES.some((owned) => name === owned || name.startsWith(`${owned}.`))
}

/** `topic_7` of the number 7. */
export function topicName(topic: number): PreferenceName {
  if (!Number.isSafeInteger(topic) || topic < 1) throw new RangeError('a topic is a whole number from 1')
  return `topic_${topic}`
}

/** `channel_email` of `email`. */
export function channelName(channel: string): PreferenceName {
  if (!CHANNELS.some((known) => known === channel)) throw new RangeError(`a channel is one of ${CHANNELS.join(', ')}`)
  return `channel_${channel}`
}

const TOPIC = /^topic_([1-9][0-9]{0,14})$/
const CHANNEL = /^channel_([a-z][a-z0-9_]{0,62})$/

/** The name of a stored or received preference, or undefined when there is no such subject. */
export function preferenceName(text: string): PreferenceName | undefined {
  if (text === 'marketing' || text === 'transactional') return text
  const channel = CHANNEL.exec(text)?.[1]
  if (channel !== undefined) return `channel_${channel}`
  const topic = TOPIC.exec(text)?.[1]
  return topic === undefined ? undefined : topicName(Number(topic))
}

/** `changes` as a list of subject and value. */
export function listChanges(changes: PreferenceChanges): readonly (readonly [PreferenceName, boolean])[] {
  const list: (readonly [PreferenceName, boolean])[] = []
  if (changes.marketing !== undefined) list.push(['marketing', changes.marketing])
  if (changes.transactional !== undefined) list.push(['transactional', changes.transactional])
  for (const [topic, value] of Object.entries(changes.topics ?? {})) list.push([topicName(Number(topic)), value])
  for (const [channel, value] of Object.entries(changes.channels ?? {})) list.push([channelName(channel), value])
  return list
}

/** The application's view of the stored choices. */
export function toPreferences(choices: Choices, emailDeliverable: boolean): Preferences {
  const topics: Record<number, boolean> = {}
  const channels: Record<string, boolean> = {}
  for (const [name, { value }] of choices) {
    if (name.startsWith('topic_')) topics[Number(name.slice('topic_'.length))] = value
    if (name.startsWith('channel_')) channels[name.slice('channel_'.length)] = value
  }
  return {
    marketing: choices.get('marketing')?.value ?? true,
    transactional: choices.get('transactional')?.value ?? true,
    topics,
    channels,
    emailDeliverable,
  }
}

/**
 * The attribute that tells Customer.io. A topic or channel goes by its dotted key, which changes that one only: the object
 * `cio_subscription_preferences` would replace all of them.
 */
export function toAttribute(name: PreferenceName, value: boolean): readonly [string, boolean] {
  if (name === 'marketing') return ['unsubscribed', !value]
  if (name === 'transactional') return ['transactional_opt_in', value]
  if (name.startsWith('channel_')) {
    return [`cio_subscription_preferences.channels.${name.slice('channel_'.length)}`, value]
  }
  return [`cio_subscription_preferences.topics.${name}`, value]
}

/** One identify message to be: attributes of the same time. */
export interface PreferenceMessage {
  readonly timestamp: number
  readonly attributes: Readonly<Record<string, boolean>>
}

/**
 * The messages that tell these choices, oldest first. Customer.io orders attribute updates by the message's timestamp,
 * so choices of different times never share a message: one would be given a time it does not have.
 */
export function toMessages(choices: Iterable<readonly [PreferenceName, Choice]>): readonly PreferenceMessage[] {
  const byTime = new Map<number, Record<string, boolean>>()
  for (const [name, choice] of choices) {
    const [attribute, value] = toAttribute(name, choice.value)
    const attributes = byTime.get(choice.timestamp) ?? {}
    attributes[attribute] = value
    byTime.set(choice.timestamp, attributes)
  }
  return [...byTime].sort(([a], [b]) => a - b).map(([timestamp, attributes]) => ({ timestamp, attributes }))
}
