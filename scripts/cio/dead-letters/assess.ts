import { duration } from '../output.ts'
import { jsonOf } from './body.ts'
import { type DeadLetter, FORWARDED, factsOf } from './dead-letter.ts'

/** What a person takes upon themselves. */
export interface ReplayRules {
  readonly acceptDuplicates: boolean
  readonly force: boolean
  /** They change it before it goes. */
  readonly edit?: boolean
  /** A message that came back so often is left alone. */
  readonly maxReplays: number
}

export interface Assessment {
  /** Why it is left where it is, and how to replay it all the same; undefined when it may be replayed. */
  readonly obstacle: string | undefined
  readonly warnings: readonly string[]
}

const HOUR_MS = 3_600_000
/** A newer change may have been made since, which a message without a time of its own would undo. */
const OLD_IDENTIFY_MS = HOUR_MS
/** How long Customer.io knows an event's id is not documented. */
const OLD_EVENT_MS = 12 * HOUR_MS
/** Customer.io records an older event, but starts no campaign with it. */
const NO_CAMPAIGN_MS = 72 * HOUR_MS

/** Operations that cannot be taken back, or that undo what was done since. */
const DRASTIC: ReadonlySet<unknown> = new Set(['delete', 'suppress', 'unsuppress', 'merge'])

/** Decides whether a dead letter may be replayed, and what to know before. Pure. */
export function assessReplay(deadLetter: DeadLetter, rules: ReplayRules, nowMs: number): Assessment {
  const facts = factsOf(deadLetter)
  const ageMs = nowMs - facts.publishedAtMs
  const action = jsonOf(deadLetter.data)?.action
  const { topic } = deadLetter.source
  return { obstacle: findObstacle(), warnings: [...warnings()] }

  function findObstacle(): string | undefined {
    if (facts.bodyCut && !rules.edit) return 'its body was cut when it was given up: --edit can complete it'
    if (facts.replays >= rules.maxReplays) {
      return `it came back ${facts.replays} times: look at it, then raise --max-replays`
    }
    if (topic === 'transactional' && facts.key === undefined && !rules.acceptDuplicates) {
      return 'it has neither key nor source id, so it may have been sent: --accept-duplicates sends it, perhaps again'
    }
    if (topic === 'identify' && DRASTIC.has(action) && !rules.force) {
      return `it would ${String(action)} somebody as they are now: --force does it`
    }
    return undefined
  }

  function* warnings(): Iterable<string> {
    if (topic === 'identify' && ageMs > OLD_IDENTIFY_MS) {
      yield `an identify message is ${duration(ageMs)} old: people may have changed since; one without its own timestamp counts as of its publish time`
    }
    if (topic === 'track' && ageMs > NO_CAMPAIGN_MS) {
      yield 'an event is older than 72 h: Customer.io records it, but it starts no campaign'
    } else if (topic === 'track' && ageMs > OLD_EVENT_MS) {
      yield 'an event is older than 12 h: how long Customer.io knows its id is not documented; if it got the event before, it may count twice'
    }
    if (facts.reason === 'content_changed') {
      yield 'a message has a key that was used with other content: it will be refused again unless --edit gives it a key of its own'
    }
    if (facts.reason === 'uncertain') {
      yield 'a send is uncertain: it is looked up once more, and comes back if that does not decide it; `dlq settle` decides'
    }
    if (facts.reason === FORWARDED && facts.key === undefined && topic === 'track') {
      yield 'Pub/Sub forwarded an event and its id is lost: if Customer.io got it before, it counts twice'
    }
  }
}
