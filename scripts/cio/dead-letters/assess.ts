import { duration } from '../output.ts'
import { drasticAction } from '../publish/messages.ts'
import { jsonOf } from './body.ts'
import { type DeadLetter, FORWARDED, factsOf } from './dead-letter.ts'

/** The risks that the operator accepts. */
export interface ReplayRules {
  readonly acceptDuplicates: boolean
  readonly force: boolean
  /** It passes the check that stopped it: expired, cancelled or guarded. */
  readonly release?: boolean
  /** The operator edits it first. */
  readonly edit?: boolean
  /** A message that was replayed this often is skipped. */
  readonly maxReplays: number
}

export interface Assessment {
  /** Why it is skipped, and how to replay it anyway; undefined when it may be replayed. */
  readonly obstacle: string | undefined
  readonly warnings: readonly string[]
}

const HOUR_MS = 3_600_000
/** After this long, somebody may have made a newer change, which a message without its own timestamp would undo. */
const OLD_IDENTIFY_MS = HOUR_MS
/** Customer.io does not document how long it remembers event ids. */
const OLD_EVENT_MS = 12 * HOUR_MS
/** Customer.io records an older event, but starts no campaign with it. */
const NO_CAMPAIGN_MS = 72 * HOUR_MS

/** Reasons that no replay of the same bytes removes. */
const BROKEN: ReadonlySet<string> = new Set(['contract', 'not_json'])

/** Decides whether a dead letter may be replayed, and with which warnings. Pure. */
export function assessReplay(deadLetter: DeadLetter, rules: ReplayRules, nowMs: number): Assessment {
  const facts = factsOf(deadLetter)
  const ageMs = nowMs - facts.publishedAtMs
  const action = jsonOf(deadLetter.data)?.action
  const { topic } = deadLetter.source
  return { obstacle: findObstacle(), warnings: [...warnings()] }

  function findObstacle(): string | undefined {
    if (facts.bodyCut && !rules.edit) return 'its body was too large and was cut: complete it with --edit'
    if (BROKEN.has(facts.reason) && !rules.edit && !rules.force) {
      return 'it breaks the contract and would come back: correct it with --edit, or --force replays it unchanged'
    }
    if (facts.reason === 'expired' && !rules.release) return 'it has expired, and would again: --release sends it'
    if (facts.replays >= rules.maxReplays) {
      return `it was replayed ${facts.replays} times and came back: find the cause, then raise --max-replays`
    }
    if (topic === 'transactional' && facts.key === undefined && !rules.acceptDuplicates) {
      return 'it has neither a key nor a source id and may have been sent: --accept-duplicates sends it, perhaps for the second time'
    }
    if (topic === 'identify' && drasticAction(action) !== undefined && !rules.force) {
      return `it would ${String(action)} the current profile: --force replays it`
    }
    return undefined
  }

  function* warnings(): Iterable<string> {
    if (topic === 'identify' && ageMs > OLD_IDENTIFY_MS) {
      yield `an identify message is ${duration(ageMs)} old: it can overwrite newer data; without a timestamp of its own it counts from its publish time`
    }
    if (topic === 'track' && ageMs > NO_CAMPAIGN_MS) {
      yield 'an event is older than 72 h: Customer.io records it, but starts no campaign with it'
    } else if (topic === 'track' && ageMs > OLD_EVENT_MS) {
      yield 'an event is older than 12 h: it may count twice if Customer.io received it before (how long Customer.io remembers event ids is not documented)'
    }
    if (facts.reason === 'content_changed') {
      yield 'the key of a message was used with other content: it will be refused again unless you give it a key of its own with --edit'
    }
    if (facts.reason === 'guarded' && rules.release) {
      yield 'a message goes to somebody who is not on the list of this environment'
    }
    if ((facts.reason === 'guarded' || facts.reason === 'cancelled') && !rules.release) {
      yield `a message that was ${facts.reason} is held again if that rule still applies: --release sends it`
    }
    if (facts.reason === 'uncertain') {
      yield 'a send is uncertain: a replay only looks it up again; `dlq settle` decides it'
    }
    if (facts.reason === FORWARDED && facts.key === undefined && topic === 'track') {
      yield 'Pub/Sub forwarded an event and its id is lost: it counts twice if Customer.io received it before'
    }
  }
}
