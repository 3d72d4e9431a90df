import type { Clock } from '../clock/index.ts'
import type { About, Check, ReceivedMessage } from '../delivery/index.ts'
import type { Log } from '../logging/index.ts'
import type { Retry } from '../outcome/index.ts'
import { createSecret, type SecretSource } from '../secrets/index.ts'
import { type CancelFacts, type CancelRule, cancels, inForce, rulesIn } from './rule.ts'

/** Rules that are older by so much than they may be cannot be read: nobody knows what is cancelled, so nothing is sent. */
export const UNREAD_MS = 10_000

interface CancellationsOptions {
  /** Where the rules are read from: a mounted secret. Without, nothing is ever cancelled. */
  readonly source: SecretSource | undefined
  /** How old the rules may be before they are read again. */
  readonly maxAgeMs: number
  readonly log: Pick<Log, 'warning'>
  readonly clock: Clock
  /** From the disk by default. */
  readonly readFile?: (path: string) => Promise<string>
}

/**
 * The check by which an operator's rules end messages as `cancelled`. It fails closed: while the rules cannot be read, messages
 * wait, since a send cannot be taken back and a message that waits is delivered later.
 */
export function cancelCheck<T>(
  topic: string,
  about: (value: T) => About,
  { source, maxAgeMs, log, clock, readFile }: CancellationsOptions,
): Check<T> {
  if (source === undefined) return (value) => ({ ok: true, value })
  const secret = createSecret({
    ...{ ...source, log, clock, maxAgeMs },
    ...(readFile !== undefined && { readFile }),
  })
  let known: { readonly text: string | undefined; readonly rules: readonly CancelRule[] | string } | undefined
  const parsed = (text: string | undefined) => {
    if (known === undefined || known.text !== text) known = { text, rules: readRules(text) }
    return known.rules
  }
  return async (value, message) => {
    const text = await secret.current()
    if (secret.ageMs() > maxAgeMs + UNREAD_MS) return { ok: false, retry: UNREAD }
    const rules = parsed(text)
    if (typeof rules === 'string') return { ok: false, retry: { ...UNREAD, error: `${UNREAD.error}: ${rules}` } }
    const standing = inForce(rules, clock.now())
    if (standing.length === 0) return { ok: true, value }
    const facts = factsOf(topic, about(value), message)
    const rule = standing.find((each) => cancels(each, facts))
    if (rule === undefined) return { ok: true, value }
    return { ok: false, error: `cancelled by an operator: rule ${rule.id} (cio-gcp cancellations list)` }
  }
}

/** The reason why they cannot be read holds no value: it names a field. */
function readRules(text: string | undefined): readonly CancelRule[] | string {
  try {
    return rulesIn(text)
  } catch (error) {
    return error instanceof Error ? error.message : 'not readable'
  }
}

const UNREAD: Retry = {
  kind: 'retry',
  cause: 'configuration',
  error: 'what is cancelled cannot be read (CANCELLATIONS), so nothing is sent',
}

/** A copy in the bulk lane and a replay were published before they were published again. */
function factsOf(topic: string, about: About, { attributes, publishTime }: ReceivedMessage): CancelFacts {
  const first = Date.parse(attributes.source_publish_time ?? '')
  return {
    topic,
    lane: attributes.lane === 'bulk' ? 'bulk' : 'urgent',
    template: about.template,
    eventName: about.eventName,
    persons: about.persons ?? [],
    publishedAtMs: Number.isFinite(first) ? first : Date.parse(publishTime),
  }
}
