import type { protos } from '@google-cloud/pubsub'
import { z } from 'zod'

type Labels = Readonly<Record<string, string>>

/** A pause of a push subscription, as the labels of that subscription keep it (shared/decisions/pause.md). */
export interface Pause {
  /** Who paused it, as far as the command line knows. Google's audit log has the account. */
  readonly by: string
  /** Milliseconds since 1970, in whole seconds. */
  readonly sinceMs: number
  readonly why: string
  /** The push configuration that the pause took away: address and identity. */
  readonly push: protos.google.pubsub.v1.IPushConfig
}

/** The most bytes that a reason may have, in UTF-8: it takes 20 of the 64 labels at worst. */
export const MOST_WHY_BYTES = 400

/** https://cloud.google.com/pubsub/docs/create-topic#requirements: a value has 63 of these characters at most. */
const VALUE_LENGTH = 63
const SINCE = 'paused-since'
const PART = /^paused-(by|why|push)-(\d+)$/

const pushSchema = z.looseObject({ pushEndpoint: z.string().min(1) })

/** The labels that say so. terraform/subscriptions.tf reads `paused-since` and `paused-by-…`. Pure. */
export function labelsOfPause({ by, sinceMs, why, push }: Pause): Labels {
  return {
    [SINCE]: String(Math.floor(sinceMs / 1_000)),
    ...parts('by', by.slice(0, VALUE_LENGTH)),
    ...parts('why', why),
    ...parts('push', JSON.stringify(push)),
  }
}

/**
 * The pause that the labels tell of, undefined when there is none. Pure.
 *
 * @throws when some of its labels are gone, with what is missing
 */
export function pauseIn(labels: Labels | null | undefined): Pause | undefined {
  const since = labels?.[SINCE]
  if (labels == null || since === undefined) return undefined
  if (!/^\d{1,11}$/.test(since)) throw new Error('its label paused-since is no time: somebody has changed it')
  return { by: whole(labels, 'by'), sinceMs: Number(since) * 1_000, why: whole(labels, 'why'), push: pushIn(labels) }
}

/** What a pause, or its end, changes in a subscription: both in one request, so that one never contradicts the other. */
export interface PushChange {
  readonly pushConfig: Pause['push']
  readonly labels: Labels
}

/** Takes the push configuration away, so that messages wait and no attempt is spent. Pure. */
export function pausing(
  { pushConfig, labels }: protos.google.pubsub.v1.ISubscription,
  told: Omit<Pause, 'push'>,
): PushChange {
  return { pushConfig: {}, labels: { ...withoutPause(labels), ...labelsOfPause({ ...told, push: pushConfig ?? {} }) } }
}

/** Puts back what the pause has kept. Pure. */
export function resuming({ labels }: protos.google.pubsub.v1.ISubscription, { push }: Pause): PushChange {
  return { pushConfig: push, labels: withoutPause(labels) }
}

/** The labels that are not those of a pause. Pure. */
function withoutPause(labels: Labels | null | undefined): Labels {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([name]) => name !== SINCE && !PART.test(name)))
}

function pushIn(labels: Labels): Pause['push'] {
  try {
    return pushSchema.parse(JSON.parse(whole(labels, 'push')))
  } catch (cause) {
    throw new Error('its labels paused-push-… do not hold an address: somebody has changed them', { cause })
  }
}

function parts(name: string, text: string): Labels {
  const escaped = inLabel(text)
  return Object.fromEntries(
    Array.from({ length: Math.ceil(escaped.length / VALUE_LENGTH) }, (_, index) => [
      `paused-${name}-${String(index).padStart(2, '0')}`,
      escaped.slice(index * VALUE_LENGTH, (index + 1) * VALUE_LENGTH),
    ]),
  )
}

function whole(labels: Labels, name: string): string {
  const own = Object.keys(labels).filter((label) => PART.exec(label)?.[1] === name)
  return fromLabel(
    own
      .sort()
      .map((label) => labels[label])
      .join(''),
  )
}

/** A label takes lower-case letters, digits, `-` and `_`: every other byte is `_` and two digits, as in `jane_40acme_2ecom`. */
function inLabel(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[a-z0-9-]/.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}

function fromLabel(text: string): string {
  const bytes = text.match(/_[0-9a-f]{2}|[^_]/g) ?? []
  return Buffer.from(
    bytes.map((each) => (each.length === 3 ? Number.parseInt(each.slice(1), 16) : each.charCodeAt(0))),
  ).toString()
}
