import type { Evidence, Letter } from './evidence.ts'
import type { PlannedMessage } from './messages.ts'

/** A message that was published. */
export interface PublishedMessage {
  readonly planned: PlannedMessage
  readonly messageId: string
  /** Acknowledged before the run gave up waiting. */
  readonly settled: boolean
  /** Held by a process that stood still for longer than the ledger's margin. */
  readonly frozen: boolean
  /** While it was under way Customer.io refused whole batches, whatever was in them. */
  readonly refusedBlindly: boolean
}

/**
 * What became of a message.
 *
 * delivered       Customer.io has it, or what its idempotency key stands for
 * dead_lettered   on the dead-letter topic, for a reason that is true of it
 * uncertain       on the dead-letter topic, for a person to find out whether it was sent
 * lost            neither: not acknowledged, gone, or given up without a cause
 */
export type Fate = 'delivered' | 'dead_lettered' | 'uncertain' | 'lost'

export interface Account {
  readonly message: PublishedMessage
  readonly fate: Fate
  /** Customer.io has it, whatever else became of it. */
  readonly received: boolean
  /** What Customer.io has too many of what this message stands for. Counted at the first message of a key only. */
  readonly surplus: number
  /** The surplus comes from a freeze beyond the margin. */
  readonly afterFreeze: boolean
  readonly reason?: string
  /** What is wrong, when something is. */
  readonly complaint?: string
}

/** Accounts for every message by its id. Pure. */
export function accountFor(messages: readonly PublishedMessage[], evidence: Evidence): Account[] {
  const effects = Map.groupBy(messages, ({ planned }) => planned.effect)
  const stale = staleStates(messages, evidence)
  return messages.map((message): Account => {
    const { planned, messageId } = message
    const letter = evidence.letters.get(messageId)
    const received = evidence.received.has(planned.mark)
    const judged = judge(message, received, letter, isContested(effects, planned))
    const complaint = judged.fate === 'lost' ? judged.why : stale.get(messageId)
    const same = effects.get(planned.effect) ?? []
    const surplus = same[0] === message && planned.topic !== 'identify' ? surplusOf(same, evidence) : 0
    return {
      message,
      fate: complaint === undefined ? judged.fate : 'lost',
      received,
      surplus,
      afterFreeze: surplus > 0 && same.some(({ frozen }) => frozen),
      ...(letter !== undefined && { reason: letter.reason }),
      ...(complaint !== undefined && { complaint }),
      ...(surplus > 0 && { complaint: `${surplus + 1} times at Customer.io` }),
    }
  })
}

function isContested(effects: ReadonlyMap<string, readonly PublishedMessage[]>, { effect }: PlannedMessage): boolean {
  return effects.get(effect)?.some(({ planned }) => planned.nature === 'other_content') ?? false
}

function surplusOf(same: readonly PublishedMessage[], { received }: Evidence): number {
  const marks = new Set(same.map(({ planned }) => planned.mark))
  const times = [...marks].reduce((sum, mark) => sum + (received.get(mark) ?? 0), 0)
  return Math.max(0, times - 1)
}

type Judged = { readonly fate: Exclude<Fate, 'lost'> } | { readonly fate: 'lost'; readonly why: string }
const lost = (why: string): Judged => ({ fate: 'lost', why })

function judge(message: PublishedMessage, received: boolean, letter: Letter | undefined, contested: boolean): Judged {
  const { planned, settled, refusedBlindly } = message
  if (!settled) return lost('never acknowledged')
  if (letter === undefined) {
    return received ? { fate: 'delivered' } : lost('acknowledged, but neither at Customer.io nor dead-lettered')
  }
  if (letter.data !== planned.data) return lost('its dead letter has other bytes')
  switch (letter.reason) {
    case 'not_json':
    case 'contract':
      return planned.nature === 'broken' ? { fate: 'dead_lettered' } : lost(`refused without cause: ${letter.error}`)
    case 'refused':
      // One that was also received: an answer was lost that had accepted it.
      if (isRefusal(planned, letter)) return { fate: 'dead_lettered' }
      return refusedBlindly
        ? { fate: received ? 'delivered' : 'dead_lettered' }
        : lost(`refused without cause: ${letter.error}`)
    case 'content_changed':
      return contested ? { fate: received ? 'delivered' : 'dead_lettered' } : lost('its key was never used before')
    case 'uncertain':
      return planned.topic === 'transactional'
        ? { fate: 'uncertain' }
        : lost('repeating it is safe, yet it is uncertain')
    case 'exhausted':
      return { fate: received ? 'delivered' : 'dead_lettered' }
    default:
      return lost(`dead-lettered for no reason of ours: ${letter.reason}`)
  }
}

/** Customer.io refuses it, and its own words are on the letter. */
function isRefusal({ nature }: PlannedMessage, { error }: Letter): boolean {
  return (nature === 'refused_item' || nature === 'refused_batch') && error.includes('refused by order')
}

/** For each person: whether Customer.io shows the last update that it was given. By message id, what is wrong. */
function staleStates(
  messages: readonly PublishedMessage[],
  { people, letters, received }: Evidence,
): Map<string, string> {
  const complaints = new Map<string, string>()
  const updates = messages.filter(({ planned }) => planned.person !== undefined && planned.nature !== 'broken')
  for (const [person = '', ofPerson] of Map.groupBy(updates, ({ planned }) => planned.person)) {
    const possible: (string | undefined)[] = []
    let last: PublishedMessage | undefined
    for (const message of ofPerson.toReversed()) {
      const { mark } = message.planned
      const isLetter = letters.has(message.messageId)
      if (isLetter && !received.has(mark)) continue
      last ??= message
      possible.push(mark.startsWith('delete ') ? undefined : mark)
      // What is both at Customer.io and dead-lettered may or may not have been the last to arrive.
      if (!isLetter) break
      if (possible.length === ofPerson.length) possible.push(undefined)
    }
    if (last !== undefined && !possible.includes(people.get(person))) {
      complaints.set(last.messageId, `${person} shows ${people.get(person)}, not ${possible.join(' or ')}`)
    }
  }
  return complaints
}
