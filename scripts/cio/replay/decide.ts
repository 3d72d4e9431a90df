import { isDeepStrictEqual } from 'node:util'
import { expiryOf, isTopicName } from '../../../shared/contract/index.ts'
import { messageKey } from '../../../shared/idempotency/index.ts'
import { isRecord } from '../../../shared/json/index.ts'
import { orderingKeyOf } from '../../../shared/publisher/index.ts'
import { jsonOf } from '../dead-letters/body.ts'
import type { DeadLetter, Replay } from '../dead-letters/dead-letter.ts'
import { wordsOf } from '../errors.ts'
import { check, type ValidMessage } from '../publish/messages.ts'
import { mayCreate, updateOnly } from '../publish/update-only.ts'
import { meets, type Where } from '../where.ts'
import type { Gone } from './gone.ts'
import { isByName, type Kind, kindOf } from './kinds.ts'
import { bodyAfter, changesOf, type FieldChange, keyAfter, type Mapping, mapped } from './map.ts'

export interface Rules {
  /** Milliseconds since 1970; the end is not part of it. */
  readonly fromMs: number
  readonly untilMs: number
  /** When the replay began. */
  readonly startedMs: number
  readonly where: Where
  /** Of the kinds that are replayed by name only. */
  readonly also: readonly string[]
  readonly map: Mapping | undefined
  /** People whom Customer.io does not know are created. Without, updates of people only update. */
  readonly create: boolean
}

export type Decision =
  /** Not asked for. */
  | { readonly kind: 'other' }
  | { readonly kind: 'skipped'; readonly why: string }
  /** The mapping makes something of it that its topic does not take. */
  | { readonly kind: 'broken'; readonly why: string }
  | {
      readonly kind: 'replayed'
      readonly what: Kind
      readonly valid: ValidMessage
      readonly replay: Replay
      readonly changes: readonly FieldChange[]
    }

/** The most attributes that Pub/Sub takes. */
const MOST_ATTRIBUTES = 100
const GONE = 'the person was deleted, suppressed or merged later'

/** What to do with a message of a topic. Pure but for the mapping. */
export async function decide(message: DeadLetter, rules: Rules, gone: Gone): Promise<Decision> {
  const { source, data, attributes, deadLetteredAtMs: publishedAtMs } = message
  if (publishedAtMs < rules.fromMs || publishedAtMs >= rules.untilMs) return { kind: 'other' }
  if (!meets(message, rules.where)) return { kind: 'other' }
  if (!isTopicName(source.topic)) return skipped('its topic has no contract')
  const checked = check(source.topic, data, () => publishedAtMs)
  if (!checked.ok) return skipped('it breaks the contract')
  const expiry = expiryOf(attributes)
  if (!expiry.ok) return skipped('it breaks the contract')
  // It would be dead-lettered as expired, also where it was delivered in time.
  if (expiry.seconds !== undefined && expiry.seconds * 1_000 <= rules.startedMs) return skipped('it has expired')
  const what = kindOf(checked.valid)
  if (isByName(what) && !rules.also.includes(what)) return skipped(`${what}: replayed by name only (--also ${what})`)
  if (!isByName(what) && gone.since(checked.valid, publishedAtMs)) {
    return skipped(GONE)
  }
  const key = messageKey({ idempotencyKey: attributes.idempotency_key, messageId: message.messageId })
  if (!key.ok) return skipped('its key breaks the contract')
  if (rules.map !== undefined) return await changed(message, rules, key.key, gone)
  const body = rules.create ? data : updating(source.topic, data)
  if (body !== data && !check(source.topic, body, () => publishedAtMs).ok) return NO_UPDATE
  const replay = copyOf(message, body, { source_publish_time: new Date(publishedAtMs).toISOString() })
  return fits(replay) ? { kind: 'replayed', what, valid: checked.valid, replay, changes: [] } : NO_ROOM
}

async function changed(
  message: DeadLetter,
  { map = () => undefined, also, create }: Rules,
  key: string,
  gone: Gone,
): Promise<Decision> {
  const { source, data, attributes, messageId: id, deadLetteredAtMs: publishedAtMs } = message
  const before = jsonOf(data)
  if (before === undefined || !isTopicName(source.topic)) return skipped('not JSON')
  let after: unknown
  try {
    after = await mapped(map, before, { id, attributes, publishedAtMs })
  } catch (error) {
    return { kind: 'broken', why: `the mapping failed at message ${id}: ${wordsOf(error)}` }
  }
  if (isDeepStrictEqual(before, after)) return skipped('the mapping leaves it as it is')
  if (!isRecord(after)) return { kind: 'broken', why: `the mapping gives no object for message ${id}` }
  const mended = Buffer.from(JSON.stringify(bodyAfter(source.topic, before, after)))
  const body = create ? mended : updating(source.topic, mended)
  const checked = check(source.topic, body, () => publishedAtMs)
  if (!checked.ok)
    return { kind: 'broken', why: `the mapping breaks the contract at message ${id}: ${checked.problem}` }
  const { valid } = checked
  const what = kindOf(valid)
  if (isByName(what) && !also.includes(what)) {
    return { kind: 'broken', why: `the mapping makes a ${what} of message ${id}: that needs --also ${what}` }
  }
  // It may be about somebody else now.
  if (!isByName(what) && gone.since(valid, publishedAtMs)) return skipped(GONE)
  const isOfOthers = !isDeepStrictEqual(before.identifiers, after.identifiers)
  const replay = copyOf(
    isOfOthers && message.orderingKey !== '' ? { ...message, orderingKey: orderingKeyOf(valid.message) } : message,
    body,
    {
      idempotency_key: keyAfter(key, body),
      // A person's update counts from now; an event keeps its time.
      ...(source.topic !== 'identify' && { source_publish_time: new Date(publishedAtMs).toISOString() }),
    },
  )
  const changes = changesOf(before, after)
  return fits(replay) ? { kind: 'replayed', what, valid, replay, changes } : NO_ROOM
}

/** The message for the bulk lane, known as what it replays. What begins with `goog` is Pub/Sub's own. */
function copyOf(message: DeadLetter, data: Buffer, own: Readonly<Record<string, string>>): Replay {
  const kept = Object.entries(message.attributes).filter(([name]) => !name.startsWith('goog'))
  const attributes = {
    ...Object.fromEntries(kept),
    source_message_id: message.messageId,
    ...own,
    replay_count: '1',
    lane: 'bulk',
  }
  return { data, attributes, ...(message.orderingKey !== '' && { orderingKey: message.orderingKey }) }
}

/** The bytes of a message that creates nobody: the same ones where it does not anyway. */
function updating(topic: string, data: Buffer): Buffer {
  const body = topic === 'identify' ? jsonOf(data) : undefined
  return body === undefined || !mayCreate(body) ? data : Buffer.from(JSON.stringify(updateOnly(body)))
}

const fits = ({ attributes }: Replay) => Object.keys(attributes).length <= MOST_ATTRIBUTES
const skipped = (why: string): Decision => ({ kind: 'skipped', why })
const NO_UPDATE = skipped('it has no room for `_update`: --create replays it unchanged')
const NO_ROOM = skipped('it has no room for the attributes of a replay')
