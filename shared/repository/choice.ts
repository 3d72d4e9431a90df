/**
 * What one person chose about one subject (marketing, transactional, one topic), and how it changes.
 *
 * Two sides write it: the application, and Customer.io through its webhooks. It is a last-writer-wins register whose
 * clock is the second, the only unit that both sides have. Everything here is pure: the store calls it under a lock of
 * that user and writes the result in the same transaction, so value, time, origin and "must be told to Customer.io" can
 * never be seen apart, whatever crashes.
 *
 * What makes it more than a comparison of times: Customer.io fires `customer_subscribed` and `customer_unsubscribed`
 * whenever the attribute is set explicitly. So our own writes come back, late, with the time of their arrival there,
 * and look just like a change that somebody made on one of Customer.io's pages.
 */
export interface Choice {
  readonly value: boolean
  /** When the person chose, in unix seconds. */
  readonly changedAt: number
  /**
   * The timestamp of the message that tells it, in unix seconds. Customer.io orders updates by it, so it is later than
   * that of every message before, and than anything that it has to win against; `changedAt` or a little more.
   */
  readonly timestamp: number
  readonly origin: 'application' | 'customerio'
  /** True until Pub/Sub has accepted the message that tells Customer.io. */
  readonly pending: boolean
  /** What was published and may still come back as a webhook, oldest first. */
  readonly inFlight: readonly Published[]
}

export interface Published {
  readonly value: boolean
  /** Unix seconds, taken before the publish. */
  readonly at: number
}

/** What a webhook says of a choice. */
export interface Observation {
  readonly value: boolean
  /** Unix seconds: the event's time. */
  readonly at: number
  /**
   * `click`: it names the delivery that the person used, so it cannot be an echo of ours.
   * `unattributed`: it names none: somebody on a page of Customer.io, or our own write coming back.
   * `snapshot`: one of several values sent together, so perhaps not the one that changed.
   * `complaint`: Customer.io does not unsubscribe who complains (the mail provider blocks the address), so it is told.
   */
  readonly source: 'click' | 'unattributed' | 'snapshot' | 'complaint'
}

export interface EchoLimits {
  /** How long after a publish its webhook is still taken for an echo. */
  readonly windowSeconds: number
  /** How far Customer.io's clock may be behind ours. */
  readonly clockSkewSeconds: number
}

export const DEFAULT_ECHO_LIMITS: EchoLimits = { windowSeconds: 3_600, clockSkewSeconds: 5 }

/** More than this many unanswered writes of one choice are not remembered: the oldest is forgotten first. */
const MAX_IN_FLIGHT = 16

/** What became of a choice by a webhook. */
export type Observed = 'accepted' | 'unchanged' | 'late' | 'echo' | 'in_doubt'
export interface AfterWebhook {
  readonly choice: Choice
  readonly outcome: Observed
}

/** The application's own choice: newer than whatever is known, and to be told to Customer.io. */
export function choose(current: Choice | undefined, value: boolean, nowSeconds: number): Choice {
  const changedAt = Math.max(nowSeconds, current?.changedAt ?? 0)
  const timestamp = Math.max(changedAt, (current?.timestamp ?? 0) + 1)
  return { value, changedAt, timestamp, origin: 'application', pending: true, inFlight: current?.inFlight ?? [] }
}

/** Notes that the present value is about to be published. To be stored before the publish: the echo may be quick. */
export function aboutToPublish(choice: Choice, nowSeconds: number): Choice {
  const inFlight = [...choice.inFlight, { value: choice.value, at: nowSeconds }].slice(-MAX_IN_FLIGHT)
  return { ...choice, inFlight }
}

/** Pub/Sub accepted `published`: nothing is left to tell unless the choice has changed since. */
export function accepted(current: Choice, published: Choice): Choice {
  const same = current.value === published.value && current.timestamp === published.timestamp
  // Nothing in flight: it became a dead letter meanwhile.
  return same && current.inFlight.length > 0 ? { ...current, pending: false } : current
}

/** To be published once more with the time it has, if it is ours to tell. */
export function pendingAgain(choice: Choice): Choice {
  return choice.origin === 'application' && !choice.pending ? { ...choice, pending: true } : choice
}

/** What was published of it became a dead letter: it never reached Customer.io. */
export function deadLettered(choice: Choice): Choice {
  return choice.origin === 'application' ? { ...choice, pending: true, inFlight: [] } : choice
}

/**
 * The choice after a webhook. Repeating a webhook changes nothing more, webhooks may come in any order, and one that is
 * older than the present choice never overrides it.
 */
export function observe(
  current: Choice | undefined,
  seen: Observation,
  limits: EchoLimits = DEFAULT_ECHO_LIMITS,
): AfterWebhook {
  if (current === undefined) return { choice: taken(NOTHING, seen, seen.source === 'complaint'), outcome: 'accepted' }
  const attributed = seen.source === 'click' || seen.source === 'complaint'
  const echoOf = attributed ? -1 : echoIndex(current, seen, limits)
  if (seen.value === current.value) return confirmed(current, seen, echoOf)
  return attributed ? contradictedByPerson(current, seen, limits) : contradicted(current, seen, echoOf, limits)
}

const NOTHING = { inFlight: [], timestamp: Number.NEGATIVE_INFINITY } as const

/** Customer.io's value becomes ours. Told only if a message of ours may have overridden it there, or must. */
function taken(before: Pick<Choice, 'inFlight' | 'timestamp'>, seen: Observation, mustPublish: boolean): Choice {
  const { value, at: changedAt } = seen
  const publish = mustPublish || changedAt <= before.timestamp
  const timestamp = Math.max(changedAt, publish ? before.timestamp + 1 : before.timestamp)
  const origin = publish ? 'application' : 'customerio'
  // Whatever of ours is still on its way is older, so Customer.io will not apply it and no echo of it will be fired.
  const inFlight = changedAt > before.timestamp ? [] : before.inFlight
  return { value, changedAt, timestamp, origin, pending: publish, inFlight }
}

/** In doubt nobody is written to, and both sides are brought together by a message later than either. */
function optedOut(choice: Choice, at: number): AfterWebhook {
  const timestamp = Math.max(choice.timestamp, at) + 1
  const changedAt = Math.max(choice.changedAt, at)
  const optOut = { ...choice, value: false, changedAt, timestamp, origin: 'application', pending: true } as const
  return { choice: optOut, outcome: 'in_doubt' }
}

function confirmed(choice: Choice, seen: Observation, echoOf: number): AfterWebhook {
  if (echoOf >= 0 && choice.origin === 'application') {
    // The topic is ordered: whatever was published before this one was applied before it, or never will be. This one
    // may be delivered again. One second more, since an older write may have been applied in this very second too.
    const timestamp = Math.max(choice.timestamp, seen.at + 1)
    return { choice: { ...choice, timestamp, inFlight: choice.inFlight.slice(echoOf) }, outcome: 'echo' }
  }
  if (seen.at <= choice.changedAt) return { choice, outcome: 'unchanged' }
  const timestamp = Math.max(choice.timestamp, seen.at)
  return { choice: { ...choice, changedAt: seen.at, timestamp }, outcome: 'unchanged' }
}

/** The person themselves says otherwise, at Customer.io: only the time decides. */
function contradictedByPerson(choice: Choice, seen: Observation, limits: EchoLimits): AfterWebhook {
  if (seen.at < choice.changedAt) return late(choice, seen, limits)
  if (seen.at === choice.changedAt) return optedOut(choice, seen.at)
  return { choice: taken(choice, seen, seen.source === 'complaint'), outcome: 'accepted' }
}

/** Customer.io has another value, of its own or of ours from before. */
function contradicted(choice: Choice, seen: Observation, echoOf: number, limits: EchoLimits): AfterWebhook {
  if (seen.at < choice.timestamp) {
    const { choice: repaired } = late(choice, seen, limits)
    return { choice: repaired, outcome: echoOf >= 0 ? 'echo' : 'late' }
  }
  // An opt-out of which nobody can say whether it is our own from before or the person's: the person's always wins. If
  // it was ours, the present choice reaches Customer.io after it, and the webhook of that says so with a later time.
  if (!seen.value) {
    if (choice.pending) return optedOut(choice, seen.at)
    if (seen.at === choice.timestamp) {
      // At the very time of our own message either may stand at Customer.io. A time that an echo has moved is no message's.
      if (choice.timestamp === choice.changedAt) return optedOut(choice, seen.at)
      return { choice: { ...choice, value: false, changedAt: seen.at, origin: 'customerio' }, outcome: 'accepted' }
    }
    if (seen.source === 'snapshot' && echoOf < 0 && mayBeUnapplied(choice, seen.at, limits)) {
      return optedOut(choice, seen.at)
    }
    return { choice: { ...taken(choice, seen, false), inFlight: choice.inFlight }, outcome: 'accepted' }
  }
  if (echoOf >= 0 && choice.origin === 'application') {
    // A write of ours that the present choice overrides. If it was somebody else's after all, telling the present one
    // with a later time brings both sides together. It stays in flight: Pub/Sub may deliver it twice.
    const timestamp = Math.max(choice.timestamp, seen.at) + 1
    return { choice: { ...choice, timestamp, origin: 'application', pending: true }, outcome: 'echo' }
  }
  if (seen.at === choice.timestamp) return optedOut(choice, seen.at)
  if (seen.source === 'snapshot' && mayBeUnapplied(choice, seen.at, limits)) return optedOut(choice, seen.at)
  return { choice: taken(choice, seen, false), outcome: 'accepted' }
}

/**
 * The present choice is newer and stays. It is told again if it may have reached Customer.io before `seen` happened
 * there, where such a change takes effect whatever its time: that is when the clocks differ.
 */
function late(choice: Choice, seen: Observation, limits: EchoLimits): AfterWebhook {
  const sent = choice.inFlight.filter(({ value }) => value === choice.value)
  const reached = sent.length === 0 || sent.some(({ at }) => at <= seen.at + limits.clockSkewSeconds)
  return { choice: reached ? pendingAgain(choice) : choice, outcome: 'late' }
}

function echoIndex(choice: Choice, seen: Observation, limits: EchoLimits): number {
  return choice.inFlight.findLastIndex(
    ({ value, at }) =>
      value === seen.value && at <= seen.at + limits.clockSkewSeconds && seen.at <= at + limits.windowSeconds,
  )
}

/** True when Customer.io may not have applied the present choice yet. */
function mayBeUnapplied(choice: Choice, at: number, limits: EchoLimits): boolean {
  if (choice.pending) return true
  return choice.inFlight.some((sent) => sent.value === choice.value && at <= sent.at + limits.windowSeconds)
}
