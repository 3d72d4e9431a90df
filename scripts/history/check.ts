import { readFileSync } from 'node:fs'
import { checkPauses, describePause, type PauseAccount } from './check-pauses.ts'
import { checkRecord, type RecordCounts } from './check-record.ts'
import { type HistoryEvent, type Invoke, type Of, OUTCOMES, type OutcomeName, parseHistory } from './format.ts'

/** The promises that a history is held to. `history`: it contradicts itself, so nothing else can be decided from it. */
export type Rule =
  | 'at most once'
  | 'no loss'
  | 'not sent'
  | 'order'
  | 'rate'
  | 'no crash'
  | 'record'
  | 'paused'
  | 'history'

export interface Violation {
  readonly rule: Rule
  /** What it is about: an op, a key, a person, a budget or a process. */
  readonly subject: string
  readonly text: string
}

/** The fullest window of a budget, measured against what it allowed at that time. */
export interface Window {
  readonly budget: string
  readonly requests: number
  readonly allowed: number
  readonly windowMs: number
  readonly endsAtMs: number
}

export interface Verdict {
  readonly violations: readonly Violation[]
  /** How each acknowledged publish ended, by op. An op with a violation of `no loss` is in it too when it ended somehow. */
  readonly outcomes: ReadonlyMap<string, OutcomeName>
  /** Effects beyond what is allowed, by key, and whether a `waive` excuses them. */
  readonly surplus: ReadonlyMap<string, { readonly count: number; readonly waived: boolean }>
  /** One for each budget and limit that was in force. */
  readonly worstWindows: readonly Window[]
  /** Undefined for a history that tells of no pushes. */
  readonly record: RecordCounts | undefined
  readonly pauses: readonly PauseAccount[]
}

type Applied = Extract<HistoryEvent, { f: 'apply'; type: 'ok' }>

/** Decides whether a history keeps the promises. Pure; the events may come in any order. */
export function check(history: readonly HistoryEvent[]): Verdict {
  const events = [...history].sort((a, b) => a.atMs - b.atMs)
  const of = <F extends HistoryEvent['f']>(f: F) => events.filter((event): event is Of<F> => event.f === f)
  const violations: Violation[] = []
  const violate = (rule: Rule, subject: string, text: string) => violations.push({ rule, subject, text })
  const outcomes = new Map<string, OutcomeName>()
  const surplus = new Map<string, { count: number; waived: boolean }>()

  const invokes = of('publish').filter((event): event is Invoke => event.type === 'invoke')
  const byOp = new Map(invokes.map((invoke) => [invoke.op, invoke]))
  const byKey = Map.groupBy(invokes, ({ key }) => key)
  const completions = of('publish').filter(({ type }) => type !== 'invoke')
  const applied = of('apply').filter((event): event is Applied => event.type === 'ok')
  const appliedByKey = Map.groupBy(applied, ({ key }) => key)
  const effectsOf = (key: string) => (appliedByKey.get(key) ?? []).filter(({ effect }) => effect)
  const refusals = of('apply').filter(({ type }) => type === 'fail')
  const refusalsByKey = Map.groupBy(refusals, ({ key }) => key)
  const acknowledged = new Map(of('acknowledge').map(({ op, atMs }) => [op, atMs]))
  const redelivered = new Set(of('redelivery').map(({ op }) => op))
  const told = Map.groupBy(of('outcome'), ({ op }) => op)
  const settles = Map.groupBy(of('settle'), ({ key }) => key)
  const excused = new Set(of('waive').map(({ key }) => key))
  const [start] = of('start')

  checkConsistency()
  for (const [key, ops] of byKey) checkAtMostOnce(key, ops)
  checkOrigins()
  for (const { op, type } of completions) if (type === 'ok') checkLoss(op)
  checkNotSent()
  checkOrder()
  const worstWindows = checkRate()
  for (const { process, why } of of('crash')) violate('no crash', process, why)
  const record = checkRecord(events, (subject, text) => violate('record', subject, text))
  const pauses = checkPauses(events, (subject, text) => violate('paused', subject, text))
  return { violations, outcomes, surplus, worstWindows, record, pauses }

  /** What no pipeline can do, however wrong: then the producer is wrong. */
  function checkConsistency(): void {
    if (byOp.size < invokes.length) violate('history', 'publish', 'an op is invoked twice')
    const completed = new Set<string>()
    for (const { op, atMs } of completions) {
      const invoke = byOp.get(op)
      if (invoke === undefined) violate('history', op, 'completed, but never invoked')
      else if (atMs < invoke.atMs) violate('history', op, 'completed before it was invoked')
      if (completed.has(op)) violate('history', op, 'completed twice')
      completed.add(op)
    }
    for (const { f, op } of [
      ...of('acknowledge'),
      ...of('redelivery'),
      ...of('outcome'),
      ...of('attempt'),
      ...of('push'),
      ...of('record'),
      ...of('untried'),
    ]) {
      if (!byOp.has(op)) violate('history', op, `${f} of an op that was never invoked`)
    }
    for (const [key, ops] of byKey) {
      if (new Set(ops.map(({ kind }) => kind)).size > 1) violate('history', key, 'one key, several kinds')
    }
    const turns = new Set<string>()
    for (const { op, person, turn } of invokes) {
      if ((person === undefined) !== (turn === undefined)) violate('history', op, 'person and turn go together')
      if (person !== undefined && turns.has(`${turn} ${person}`)) violate('history', op, 'its turn is taken')
      turns.add(`${turn} ${person}`)
    }
  }

  function checkAtMostOnce(key: string, ops: readonly Invoke[]): void {
    if (ops[0]?.kind === 'update') return
    const resends = (settles.get(key) ?? []).filter(({ decision }) => decision === 'resend')
    const effects = effectsOf(key)
    const { length: count } = effects.filter(
      ({ atMs }, index) => index > 0 && resends.filter((resend) => resend.atMs <= atMs).length < index,
    )
    if (count === 0) return
    surplus.set(key, { count, waived: excused.has(key) })
    if (!excused.has(key)) violate('at most once', key, `Customer.io has it ${effects.length} times`)
  }

  /** Every effect and every decision comes from something that happened. */
  function checkOrigins(): void {
    const seen = new Set<string>()
    for (const { eventId, effect, key } of applied) {
      if (eventId === undefined || !effect) continue
      if (seen.has(eventId)) violate('at most once', key, `event id ${eventId} had an effect twice`)
      seen.add(eventId)
    }
    for (const { key } of applied) {
      if (!byKey.has(key)) violate('at most once', key, 'Customer.io has what nobody published')
    }
    const failed = new Set(completions.flatMap(({ op, type }) => (type === 'fail' ? [op] : [])))
    for (const [key, ops] of byKey) {
      const none = ops.every(({ op }) => failed.has(op))
      if (none && appliedByKey.has(key)) violate('at most once', key, 'its publish failed, yet Customer.io has it')
    }
    for (const { key, decision } of of('settle')) {
      const isUncertain = (byKey.get(key) ?? []).some(({ op }) =>
        (told.get(op) ?? []).some((event) => event.outcome === 'uncertain'),
      )
      if (!isUncertain) violate('at most once', key, `settled as "${decision}" without being uncertain`)
    }
  }

  /** An acknowledged publish ends in exactly one outcome, whose evidence was there before Pub/Sub was answered. */
  function checkLoss(op: string): void {
    const invoke = byOp.get(op)
    if (invoke === undefined) return
    const lost = (text: string) => violate('no loss', op, text)
    const acknowledgedAtMs = acknowledged.get(op)
    if (acknowledgedAtMs === undefined) return void lost('never acknowledged')
    const letters = told.get(op) ?? []
    const names = new Set(letters.map(({ outcome }) => outcome))
    if (names.size > 1 && !redelivered.has(op)) return void lost(`several outcomes: ${[...names].join(', ')}`)
    const [outcome = 'delivered'] = names
    outcomes.set(op, outcome)
    if (!OUTCOMES[outcome].kinds.some((kind) => kind === invoke.kind)) lost(`an ${invoke.kind} that ended ${outcome}`)
    for (const letter of letters) checkLetter(invoke, letter)
    const isSafe = ({ atMs }: { readonly atMs: number }) => atMs <= acknowledgedAtMs
    const arrivals = (appliedByKey.get(invoke.key) ?? []).filter(({ content }) => content === invoke.content)
    if (letters.length > 0) {
      // Of one that was delivered again, the delivery may be what was acknowledged.
      const isDelivered = redelivered.has(op) && arrivals.some(isSafe)
      if (!isDelivered && !letters.some(isSafe)) lost('acknowledged before its dead letter was safe')
      return
    }
    if (!invoke.valid) lost('invalid, yet not refused')
    else if (arrivals.length === 0) lost('acknowledged, but neither at Customer.io nor dead-lettered')
    else if (!arrivals.some(isSafe)) lost('acknowledged before Customer.io had it')
  }

  /** Of a key that ended only in outcomes that say so, Customer.io has heard nothing. Released afterwards, it is delivered. */
  function checkNotSent(): void {
    const isNotSent = (outcome: OutcomeName | undefined) => outcome !== undefined && 'notSent' in OUTCOMES[outcome]
    for (const { key, expiresAtMs = Number.POSITIVE_INFINITY } of invokes) {
      // Another publish of the key may expire later, or never.
      const isLast = (byKey.get(key) ?? []).every(
        (other) => (other.expiresAtMs ?? Number.POSITIVE_INFINITY) <= expiresAtMs,
      )
      const late = isLast ? effectsOf(key).find(({ atMs }) => atMs > expiresAtMs) : undefined
      if (late) violate('not sent', key, `took effect ${late.atMs - expiresAtMs} ms after it expired`)
    }
    for (const { op, stranger } of invokes) {
      const outcome = outcomes.get(op)
      // It may end otherwise than guarded: cancelled before that is looked at, or exhausted while the ledger cannot be asked.
      if (stranger && (outcome === 'delivered' || outcome === 'uncertain')) {
        violate('not sent', op, `goes to a stranger, and ended ${outcome}`)
      }
    }
    for (const [key, ops] of byKey) {
      if (!ops.every(({ op, stranger }) => stranger || (isNotSent(outcomes.get(op)) && !redelivered.has(op)))) continue
      const effects = (appliedByKey.get(key) ?? []).filter(
        ({ atMs }) => atMs > Math.min(...ops.map(mayHaveEffectUntilMs)),
      )
      const refused = (refusalsByKey.get(key) ?? []).filter(({ atMs }) => atMs > Math.min(...ops.map(triedUntilMs)))
      if (effects.length + refused.length > 0)
        violate(
          'not sent',
          key,
          `ended ${outcomes.get(ops[0]?.op ?? '') ?? 'in nothing'}, yet Customer.io has heard of it`,
        )
    }
  }

  /** An earlier attempt may have been made, and its answer lost, before it was too late; its request may still be on its way. */
  function triedUntilMs({ op }: Invoke): number {
    const outcome = outcomes.get(op)
    if (outcome !== 'expired' && outcome !== 'cancelled') return Number.NEGATIVE_INFINITY
    return Math.max(...(told.get(op) ?? []).map(({ atMs }) => atMs)) + (start?.longestRequestMs ?? 0)
  }

  /** What may be repeated is tried without knowing whether an earlier attempt took effect. Of a send the ledger knows. */
  function mayHaveEffectUntilMs(invoke: Invoke): number {
    return invoke.kind === 'send' ? Number.NEGATIVE_INFINITY : triedUntilMs(invoke)
  }

  function checkLetter({ op, key, content, bytes, valid }: Invoke, letter: Of<'outcome'>): void {
    const lost = (text: string) => violate('no loss', op, text)
    if (!OUTCOMES[letter.outcome].deadLetter) lost(`a dead letter that says ${letter.outcome}`)
    if (letter.bytes !== bytes) lost('its dead letter has other bytes')
    if (letter.outcome === 'exhausted') {
      if ((letter.attempt ?? 0) < (start?.exhaustedFromAttempt ?? 1)) lost(`exhausted at attempt ${letter.attempt}`)
    }
    if (letter.outcome !== 'refused') return
    const others = byKey.get(key) ?? []
    if (letter.because === undefined) lost('refused without a cause')
    if (letter.because === 'invalid' && valid) lost('refused as invalid, but it is valid')
    if (letter.because === 'refused' && !refusalsByKey.has(key)) lost('Customer.io never refused it')
    if (letter.because === 'key reused' && others.every((other) => other.content === content)) {
      lost('refused for other content, but its key has only one content')
    }
    if (letter.because === 'invalid' && appliedByKey.has(key)) lost('refused as invalid, yet Customer.io has it')
  }

  /** Updates of a person take effect in their turns, and the person shows the last one. */
  function checkOrder(): void {
    const updates = invokes.filter(({ person }) => person !== undefined)
    const reads = Map.groupBy(of('read'), ({ person }) => person)
    const places = new Map(applied.map((event, index) => [event, index]))
    const place = (event: Applied) => places.get(event) ?? 0
    for (const [person = '', ofPerson] of Map.groupBy(updates, (invoke) => invoke.person)) {
      const turns = new Map(ofPerson.map(({ key, turn }) => [key, turn ?? 0]))
      const effects = [...turns.keys()].flatMap(effectsOf).sort((a, b) => place(a) - place(b))
      let latest = 0
      for (const { key } of effects) {
        const turn = turns.get(key) ?? 0
        if (turn < latest) violate('order', person, `update ${turn} took effect after update ${latest}`)
        latest = Math.max(latest, turn)
      }
      const last = effects.at(-1)
      const shown = reads.get(person)?.at(-1)
      if (last === undefined) continue
      if (shown === undefined) violate('order', person, 'nobody read what the person shows')
      else if (shown.content !== last.content) violate('order', person, `shows ${shown.content}, not ${last.content}`)
    }
  }

  /** No window holds more requests than the highest limit that was in force in it. */
  function checkRate(): Window[] {
    const limits = Map.groupBy(of('limit'), ({ budget }) => budget)
    const times = new Map([...limits.keys()].map((budget) => [budget, [] as number[]]))
    for (const { budgets, atMs } of of('request')) {
      for (const budget of budgets) {
        const ofBudget = times.get(budget)
        if (ofBudget === undefined) violate('history', budget, 'requests of a budget that has no limit')
        else ofBudget.push(atMs)
      }
    }
    const worst = [...limits].flatMap(([budget, steps]) => worstWindowsOf(budget, times.get(budget) ?? [], steps))
    for (const { budget, requests, allowed, windowMs, endsAtMs } of worst) {
      const at = `${requests} requests in the ${windowMs} ms before ${Math.round(endsAtMs)} ms`
      if (requests > allowed) violate('rate', budget, `${at}, ${allowed} allowed`)
    }
    return worst
  }
}

/** The fullest window under each limit. */
function worstWindowsOf(budget: string, times: readonly number[], steps: readonly Of<'limit'>[]): Window[] {
  const worst = new Map<number, Window>()
  let first = 0
  for (const [last, endsAtMs] of times.entries()) {
    const { windowMs = 0 } = steps.findLast(({ atMs }) => atMs <= endsAtMs) ?? steps[0] ?? {}
    const startsAtMs = endsAtMs - windowMs
    while ((times[first] ?? endsAtMs) <= startsAtMs) first++
    const inForce = steps.filter(({ atMs }, index) => {
      const untilMs = steps[index + 1]?.atMs ?? Number.POSITIVE_INFINITY
      return atMs <= endsAtMs && untilMs > startsAtMs
    })
    const allowed = Math.max(0, ...inForce.map(({ requests }) => requests))
    const requests = last - first + 1
    if (requests > (worst.get(allowed)?.requests ?? 0)) {
      worst.set(allowed, { budget, requests, allowed, windowMs, endsAtMs })
    }
  }
  return [...worst.values()]
}

/** Of each budget the window that came closest to what it allowed. */
function tightest(windows: readonly Window[]): Window[] {
  const ratio = ({ requests, allowed }: Window) => requests / allowed
  return [...Map.groupBy(windows, ({ budget }) => budget).values()].flatMap((some) =>
    some.toSorted((a, b) => ratio(b) - ratio(a)).slice(0, 1),
  )
}

/** The verdict in words: the violations, the worst windows, and `accepted` or `rejected`. */
export function describeVerdict({ violations, outcomes, surplus, worstWindows, record, pauses }: Verdict): string {
  const counts = Map.groupBy(outcomes.values(), (outcome) => outcome)
  const waived = [...surplus.values()].reduce((sum, { count, waived }) => sum + (waived ? count : 0), 0)
  return [
    ...violations.slice(0, 20).map(({ rule, subject, text }) => `! ${rule}: ${subject}: ${text}`),
    ...(violations.length > 20 ? [`! and ${violations.length - 20} more`] : []),
    ...tightest(worstWindows).map(
      ({ budget, requests, allowed, windowMs }) =>
        `worst window of ${budget}: ${requests} requests in ${windowMs} ms, ${allowed} allowed`,
    ),
    `outcomes: ${[...counts].map(([outcome, some]) => `${outcome} ${some.length}`).join(', ') || 'none'}`,
    ...(record === undefined ? [] : [describeRecord(record)]),
    ...pauses.map(describePause),
    ...(waived > 0 ? [`waived duplicates: ${waived}`] : []),
    violations.length === 0 ? 'accepted' : `rejected: ${violations.length} violations`,
  ].join('\n')
}

function describeRecord({ rows, missing, unexplained, kills }: RecordCounts): string {
  const why = unexplained > 0 ? `${unexplained} of them in no killed process` : 'all of them in a killed process'
  const gaps = missing === 0 ? 'none missing' : `${missing} missing, ${why}`
  return `record: ${rows} rows agree, ${gaps}; processes killed: ${kills}`
}

if (process.argv[1] === import.meta.filename) {
  const [file] = process.argv.slice(2)
  if (file === undefined) throw new Error('usage: node scripts/history/check.ts FILE')
  const verdict = check(parseHistory(readFileSync(file, 'utf8')))
  console.log(describeVerdict(verdict))
  process.exitCode = verdict.violations.length === 0 ? 0 : 1
}
