import type { HistoryEvent, Of } from './format.ts'

/** What became of the messages of a subscription over one pause. Times are milliseconds. */
export interface PauseAccount {
  readonly subscription: string
  readonly lastedMs: number
  /** Messages that waited when it was resumed. */
  readonly held: number
  /** How long before the resume the last delivery that had begun before the pause was over: nothing is sent from then on. */
  readonly quietMs: number
  /** From the resume until the last of those that waited was acknowledged. */
  readonly drainedInMs: number
}

/** A busy witness reads a request this much later than it was sent, at most. */
const LATE_WITNESS_MS = 1_000

/**
 * Holds a paused subscription to its promise: from the moment in which Pub/Sub has confirmed the pause until the resume is asked
 * for, no delivery attempt begins, so that none is spent. What had begun ends as usual; it is over when the pipeline has
 * written its row or line of it, or its process was killed. From then on Customer.io hears of no message that only this
 * subscription has tried to deliver; a history that tells of no pushes cannot say from when on. Pure. A pause without an end is none.
 */
export function checkPauses(
  events: readonly HistoryEvent[],
  violate: (subject: string, text: string) => void,
): readonly PauseAccount[] {
  const of = <F extends HistoryEvent['f']>(f: F) => events.filter((event): event is Of<F> => event.f === f)
  const attempts = of('attempt')
  const acknowledged = new Map(of('acknowledge').map(({ op, atMs }) => [op, atMs]))
  const published = new Map(of('publish').flatMap(({ op, type, atMs }) => (type === 'ok' ? [[op, atMs] as const] : [])))
  const keys = new Map(
    of('publish').flatMap((event) => (event.type === 'invoke' ? [[event.op, event.key] as const] : [])),
  )
  const attemptsOfKey = Map.groupBy(attempts, ({ op }) => keys.get(op))
  const ends = endsOfDeliveries()
  const resumes = of('resume')

  return of('pause').flatMap(({ subscription, atMs: fromMs }) => {
    const untilMs = resumes.find((resume) => resume.subscription === subscription && resume.atMs >= fromMs)?.atMs
    return untilMs === undefined ? [] : [checkPause(subscription, fromMs, untilMs)]
  })

  function checkPause(subscription: string, fromMs: number, untilMs: number): PauseAccount {
    const own = attempts.filter((attempt) => attempt.subscription === subscription)
    const before = own.filter(({ atMs }) => atMs <= fromMs)
    const after = own.filter(({ atMs }) => atMs >= untilMs)
    const meanwhile = own.length - before.length - after.length
    const was = `while ${subscription} was paused`
    if (meanwhile > 0) violate(subscription, `${meanwhile} delivery attempts began ${was}`)
    checkAttempts(before, after)
    const again = new Set(after.map(({ delivery }) => delivery))
    // Where Pub/Sub counts an attempt again, what was written after the resume tells of the second time.
    const overOf = ({ delivery, atMs }: Of<'attempt'>) =>
      Math.max(atMs, ...(ends.get(delivery) ?? []).filter((end) => end <= untilMs || !again.has(delivery)))
    const overMs = ends.size > 0 ? Math.max(fromMs, ...before.map(overOf)) : untilMs
    for (const { keys: named = [], atMs } of of('request')) {
      if (atMs <= overMs + LATE_WITNESS_MS || atMs >= untilMs) continue
      for (const key of named) if (isOnlyOf(subscription, key, atMs)) violate(key, `Customer.io heard of it ${was}`)
    }
    const held = new Set(after.flatMap(({ op }) => ((published.get(op) ?? untilMs) < untilMs ? [op] : [])))
    const drainedAtMs = Math.max(untilMs, ...[...held].map((op) => acknowledged.get(op) ?? untilMs))
    return {
      subscription,
      lastedMs: untilMs - fromMs,
      held: held.size,
      quietMs: Math.max(0, untilMs - overMs),
      drainedInMs: drainedAtMs - untilMs,
    }
  }

  /** A message that waited goes on with the number that follows its last one. */
  function checkAttempts(before: readonly Of<'attempt'>[], after: readonly Of<'attempt'>[]): void {
    const last = new Map<string, number>()
    for (const { op, number } of before) last.set(op, Math.max(number, last.get(op) ?? 0))
    for (const [op, [next]] of Map.groupBy(after, ({ op }) => op)) {
      const spent = (next?.number ?? 1) - (last.get(op) ?? 0) - 1
      if (spent > 0) violate(op, `${spent} of its delivery attempts were spent by a pause`)
    }
  }

  /** Whether nothing else has tried to deliver a message of that key until then. */
  function isOnlyOf(subscription: string, key: string, untilMs: number): boolean {
    const tried = (attemptsOfKey.get(key) ?? []).filter(({ atMs }) => atMs <= untilMs)
    return tried.length > 0 && tried.every((attempt) => attempt.subscription === subscription)
  }

  /** Times by which a delivery may have come to an end: what the pipeline wrote of it, and the end of its push. */
  function endsOfDeliveries(): ReadonlyMap<string, readonly number[]> {
    const written = [...of('record'), ...of('untried')]
    const told = Map.groupBy([...written, ...of('push')], ({ delivery }) => delivery)
    const all = new Map([...told].map(([delivery, events]) => [delivery, events.map(({ atMs }) => atMs)]))
    const writtenOf = Map.groupBy(written, ({ delivery }) => delivery)
    const kills = Map.groupBy(of('kill'), ({ process }) => process)
    // Nobody waited for its answer any more: the process may have gone on until it was killed.
    for (const { delivery, answer, process } of of('push')) {
      if (answer !== 'none') continue
      for (const kill of kills.get(process) ?? []) {
        const wasOver = writtenOf.get(delivery)?.some(({ atMs }) => atMs <= kill.atMs)
        if (!wasOver) all.get(delivery)?.push(kill.atMs)
      }
    }
    return all
  }
}

/** `pause of track-bulk, 3.2 s: 41 messages waited, nothing sent for 2.9 s, drained in 0.8 s`. */
export function describePause({ subscription, lastedMs, held, quietMs, drainedInMs }: PauseAccount): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  return `pause of ${subscription}, ${seconds(lastedMs)}: ${held} messages waited, nothing sent for ${seconds(quietMs)}, drained in ${seconds(drainedInMs)}`
}
