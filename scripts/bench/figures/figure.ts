import type { Instance } from '../lab/instance.ts'
import type { Lab } from '../lab/lab.ts'
import { type Measurement, measure, type ToMeasure } from '../lab/measure.ts'
import type { Load } from '../load/load.ts'
import type { MessageKind } from '../load/messages.ts'
import { isMet, type Spread, spreadOf, type Target } from '../statistics.ts'

/** What every figure is given. */
export interface Bench {
  readonly lab: Lab
  /** How many rounds have to count. */
  readonly rounds: number
  /** How long each measurement lasts. */
  readonly seconds: number
  /** Shorter and without rejections: shows that it runs, tells nothing. */
  readonly quick: boolean
  readonly say: (line: string) => void
}

/** One line of the table. */
export interface Row {
  readonly figure: string
  readonly against: string
  readonly target: Target
  /** What `target` is about, as a ratio unless `unit` says otherwise. */
  readonly value: Spread
  readonly unit: '×' | 'messages' | 'rows' | 'ms'
  readonly met: boolean
  /** In plain numbers, such as `2,950/s against 199/s`. */
  readonly inNumbers: string
}

export interface FigureResult {
  readonly rows: readonly Row[]
  /** Every round that counts, as measured. */
  readonly rounds: readonly object[]
  /** Why rounds did not count. */
  readonly rejected: readonly string[]
  /** True when no round was undisturbed, so that disturbed ones had to stand in: not to be relied on. */
  readonly disturbed: boolean
}

export interface Figure {
  readonly name: string
  run(bench: Bench): Promise<FigureResult>
}

/** A line of the table from what each round gave. */
export function rowOf(about: Omit<Row, 'value' | 'met' | 'unit'> & { unit?: Row['unit'] }, values: number[]): Row {
  const value = spreadOf(values)
  return { unit: '×', ...about, value, met: isMet(value.median, about.target) }
}

/** V8 has compiled what is hot after some ten thousand messages. */
const WARM_UP_MESSAGES = 10_000

/** Gives each instance messages that are not looked at. */
export async function warmUp(
  { lab, quick }: Pick<Bench, 'lab' | 'quick'>,
  instances: readonly Instance[],
  messages: MessageKind,
  connections: number,
): Promise<void> {
  const count = quick ? WARM_UP_MESSAGES / 100 : WARM_UP_MESSAGES
  for (const { port } of instances) await lab.load({ kind: 'count', port, messages, connections, count })
}

/** Keeps so many connections to an instance busy, and tells what came of it. */
export function saturate(
  { lab, seconds }: Pick<Bench, 'lab' | 'seconds'>,
  { instance, sink, messages, connections }: Omit<ToMeasure, 'load'> & Pick<Load, 'messages'> & { connections: number },
): Promise<Measurement> {
  const load = {
    kind: 'saturate',
    port: instance.port,
    messages,
    connections,
    seconds,
    settleSeconds: seconds / 2,
  } as const
  return measure(lab, { instance, load, ...(sink !== undefined && { sink }) })
}

export interface Rounds<R> {
  readonly counted: readonly R[]
  readonly rejected: readonly string[]
  readonly disturbed: boolean
}

/**
 * Runs rounds until enough of them were undisturbed, at most twice as many.
 * A round measures everything that is compared, one after the other, so that all of it saw the same machine.
 */
export async function inRounds<R extends object>(
  bench: Pick<Bench, 'rounds' | 'quick' | 'say'>,
  round: () => Promise<R>,
  problemsOf: (round: R) => readonly string[],
): Promise<Rounds<R>> {
  const counted: R[] = []
  const disturbed: R[] = []
  const rejected: string[] = []
  for (let attempt = 1; counted.length < bench.rounds && attempt <= 2 * bench.rounds; attempt++) {
    const measured = await round()
    const problems = bench.quick ? [] : problemsOf(measured)
    if (problems.length === 0) counted.push(measured)
    else {
      disturbed.push(measured)
      rejected.push(`round ${attempt}: ${problems.join('; ')}`)
      bench.say(`  rejected: ${problems.join('; ')}`)
    }
  }
  return { counted: counted.length > 0 ? counted : disturbed, rejected, disturbed: counted.length === 0 }
}

/** The problems of a round that is one measurement for each name. */
export function problemsOfAll(round: Readonly<Record<string, Measurement>>): string[] {
  return Object.entries(round).flatMap(([name, { rejected }]) => rejected.map((reason) => `${name}: ${reason}`))
}

const digits = (value: number) => (value >= 100 ? 0 : value >= 10 ? 1 : 2)

/** A number for people: three figures, thousands apart. */
export function told(value: number): string {
  const options = { minimumFractionDigits: 0, maximumFractionDigits: digits(value) }
  return value.toLocaleString('en-US', options)
}
