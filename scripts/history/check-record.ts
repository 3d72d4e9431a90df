import { type HistoryEvent, type Of, OUTCOMES } from './format.ts'

/** How the pipeline's own record compares with what others saw. */
export interface RecordCounts {
  /** Rows that say what the others saw. */
  readonly rows: number
  /** Answered pushes that have no row. */
  readonly missing: number
  /** Of these: their process was not killed right after its answer. */
  readonly unexplained: number
  readonly kills: number
}

/** A process writes its lines in the turn in which it answers; the rest is how late a busy witness hears of the answer. */
const CUT_OFF_WITHIN_MS = 1_000

/**
 * Holds the record to what was seen. Every push that was answered has one row (or one line, where nothing was tried), no row
 * is there without a push, and each says what Customer.io and the dead letters say. Only a kill right after the answer may
 * have cut a row off. Pure; undefined when the history tells of no pushes.
 */
export function checkRecord(
  events: readonly HistoryEvent[],
  violate: (subject: string, text: string) => void,
): RecordCounts | undefined {
  const of = <F extends HistoryEvent['f']>(f: F) => events.filter((event): event is Of<F> => event.f === f)
  const pushes = Map.groupBy(of('push'), ({ delivery }) => delivery)
  if (pushes.size === 0) return undefined
  const rows = of('record')
  const ended = Map.groupBy(rows.filter(isFinal), ({ delivery }) => delivery)
  const failed = Map.groupBy([...rows.filter((row) => !isFinal(row)), ...of('untried')], ({ delivery }) => delivery)
  const kills = Map.groupBy(of('kill'), ({ process }) => process)
  const wrong = new Set<Of<'record'>>()
  let missing = 0
  let unexplained = 0

  for (const delivery of new Set([...pushes.keys(), ...ended.keys(), ...failed.keys()])) checkDelivery(delivery)
  checkUnread()
  checkAcknowledged()
  checkTruth()
  return { rows: rows.length - wrong.size, missing, unexplained, kills: of('kill').length }

  function checkDelivery(delivery: string): void {
    const made = pushes.get(delivery) ?? []
    const answered = (answer: Of<'push'>['answer']) => made.filter((push) => push.answer === answer)
    const [done, none] = [answered('done'), answered('none').length]
    const rowsOfEnd = ended.get(delivery) ?? []
    const rowsOfFailure = failed.get(delivery) ?? []
    const op = made[0]?.op ?? rowsOfEnd[0]?.op ?? rowsOfFailure[0]?.op ?? ''
    const other = [...made, ...rowsOfEnd, ...rowsOfFailure].find((event) => event.op !== op)
    if (other !== undefined) violate(op, `delivery ${delivery} is told of ${other.op} too`)
    const surplus =
      rowsOfEnd.length > done.length + none ||
      rowsOfFailure.length > answered('again').length + none ||
      rowsOfEnd.length + rowsOfFailure.length > made.length
    if (surplus) {
      violate(op, `delivery ${delivery}: ${countOf(rowsOfEnd, rowsOfFailure)}, of ${made.map(({ answer }) => answer)}`)
      for (const row of rowsOfEnd) wrong.add(row)
    }
    const gaps = Math.max(0, done.length - rowsOfEnd.length)
    const cut = Math.min(gaps, done.filter(wasCutOff).length)
    missing += gaps
    unexplained += gaps - cut
    if (gaps > cut) violate(op, `delivery ${delivery} was answered "done", and no row says so`)
  }

  function wasCutOff({ process, atMs }: Of<'push'>): boolean {
    return (kills.get(process) ?? []).some((kill) => atMs >= kill.atMs - CUT_OFF_WITHIN_MS)
  }

  /** Which messages were sent back unread nobody knows; only so many may lack a row. */
  function checkUnread(): void {
    let budget = of('unread').length
    for (const [delivery, made] of pushes) {
      const again = made.filter(({ answer }) => answer === 'again')
      const gaps = Math.max(0, again.length - (failed.get(delivery) ?? []).length)
      const cut = Math.min(gaps, again.filter(wasCutOff).length)
      missing += cut
      for (let gap = cut; gap < gaps; gap++) {
        if (budget-- > 0) continue
        missing++
        unexplained++
        violate(made[0]?.op ?? '', `delivery ${delivery} failed, and no row says so`)
      }
    }
  }

  /** Whatever was seen of its pushes: what is acknowledged has a row, or one that was cut off. */
  function checkAcknowledged(): void {
    const told = new Set(rows.filter(isFinal).map(({ op }) => op))
    const answered = new Set(of('push').flatMap(({ op, answer }) => (answer === 'done' ? [op] : [])))
    for (const { op } of of('acknowledge')) {
      if (!told.has(op) && !answered.has(op)) violate(op, 'acknowledged, and no row says how it ended')
    }
  }

  /** What a row says happened, and before the row was written. */
  function checkTruth(): void {
    const letters = Map.groupBy(of('outcome'), ({ op }) => op)
    const invokes = new Map(of('publish').flatMap((event) => (event.type === 'invoke' ? [[event.op, event]] : [])))
    const applied = of('apply').filter((event) => event.type === 'ok')
    const appliedByKey = Map.groupBy(applied, ({ key }) => key)
    for (const row of rows.filter(isFinal)) {
      const { op, outcome, deliveryId, atMs } = row
      const invoke = invokes.get(op)
      const untrue = (text: string) => {
        wrong.add(row)
        violate(op, `the row of delivery ${row.delivery} ${text}`)
      }
      const ofKey = appliedByKey.get(invoke?.key ?? '') ?? []
      const sends = ofKey.filter((event) => event.deliveryId !== undefined)
      const evidence = OUTCOMES[outcome].deadLetter
        ? (letters.get(op) ?? []).filter((letter) => letter.outcome === outcome)
        : ofKey.filter(({ content }) => content === invoke?.content)
      if (evidence.length === 0) untrue(`says ${outcome}, and nothing else does`)
      else if (evidence.every((event) => event.atMs > atMs)) untrue(`says ${outcome} before it was so`)
      else if (deliveryId !== undefined && sends.every((event) => event.deliveryId !== deliveryId)) {
        untrue(`names delivery id ${deliveryId}, which is none of this send's`)
      } else if (outcome === 'delivered' && deliveryId === undefined && sends.length > 0) {
        untrue('is a send without its delivery id')
      }
    }
  }
}

type FinalRow = Of<'record'> & { readonly outcome: keyof typeof OUTCOMES }
const isFinal = (row: Of<'record'>): row is FinalRow => row.outcome !== 'retry'

const countOf = (ended: readonly unknown[], failed: readonly unknown[]) =>
  `${ended.length} rows of an end and ${failed.length} of a failure`
