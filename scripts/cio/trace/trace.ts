import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { bytes, duration, printable } from '../output.ts'
import { type Asked, ask } from './ask.ts'
import { type Journey, journeysOf } from './journey.ts'
import type { Question, TraceOptions } from './question.ts'
import { type Line, type Timeline, timelineOf } from './timeline.ts'

/** A look in the cloud reads tables of any size each time. */
const LOOK_EVERY_MS = { local: 1_000, cloud: 20_000 }
/** Beyond it somebody has to agree: 100 GB. */
const ASK_BEYOND_BYTES = 1e11

/** Shows what became of a message, or of the last ones of a person, from every store that knows of it. */
export async function trace(context: Context, options: TraceOptions): Promise<void> {
  const { connection, output } = context
  const asked = await ask(context, options)
  if (!connection.local) await announce(context, asked, options)
  if (options.follow) return await follow(context, asked)
  const journeys = journeysOf(await asked.entries()).slice(-options.limit)
  if (journeys.length === 0) throw nothingFound(asked.question, options)
  output.result(journeys.map(document), () => journeys.map((each) => textOf(context, timelineOf(each))).join('\n\n'))
}

/** Says what will be read, before anything is. */
async function announce({ output, prompts }: Context, asked: Asked, { follow }: TraceOptions): Promise<void> {
  const size = await asked.bytes()
  const [tables = '', ...others] = asked.reads
  output.note(
    [
      `reads at most ${bytes(size)} of BigQuery, ${tables}`,
      ...(follow ? [`again every ${duration(LOOK_EVERY_MS.cloud)}`] : []),
      ...others,
    ].join('; '),
  )
  if (size > ASK_BEYOND_BYTES) await prompts.confirm(`Read ${bytes(size)} of BigQuery?`)
}

function nothingFound({ by }: Question, { since, deadLetters }: TraceOptions): CommandError {
  return new CommandError(`nothing is known of this ${by}`, {
    hint:
      `Looked at: the last ${duration(since)} of record and webhooks, the send ledger${deadLetters ? ', the dead letters' : ''}. ` +
      'A message that no function has handled yet is in no store; the record has a line some seconds after it.',
  })
}

/**
 * Prints what comes to be known, as it comes, until nothing more is expected: each new line of a timeline, or with --json the
 * whole journey on one line whenever it has changed, the last time with `final: true`.
 */
async function follow(context: Context, { question, entries }: Asked): Promise<void> {
  const { output, connection, signal } = context
  const shown = new Set<string>()
  output.note(`looking for this ${question.by} until nothing more is expected. Ctrl-C ends it.`)
  for (;;) {
    const journeys = journeysOf(await entries())
    for (const journey of journeys) {
      if (output.json) showChanged(context, document(journey), shown)
      else showNew(context, timelineOf(journey), shown)
    }
    if (journeys.length > 0 && journeys.every(({ ending }) => ending.final)) {
      if (!output.json) for (const journey of journeys) output.line({}, () => printable(timelineOf(journey).ending))
      return
    }
    await delay(connection.local ? LOOK_EVERY_MS.local : LOOK_EVERY_MS.cloud, undefined, { signal })
  }
}

function showChanged({ output }: Context, journey: object, shown: Set<string>): void {
  const text = JSON.stringify(journey)
  if (!shown.has(text)) output.line(journey, () => text)
  shown.add(text)
}

function showNew({ output }: Context, { title, lines }: Timeline, shown: Set<string>): void {
  const fresh = lines.filter((line) => !shown.has(JSON.stringify(line)))
  for (const line of fresh) shown.add(JSON.stringify(line))
  const heading = shown.size === fresh.length && fresh.length > 0 ? [output.style('bold', printable(title))] : []
  output.result(undefined, () => [...heading, ...fresh.map(lineIn)].join('\n'))
}

/** For programs. */
function document(journey: Journey) {
  const { title, lines, ending } = timelineOf(journey)
  const { messageIds, deliveryIds } = journey
  const { state, final, cameBack } = journey.ending
  return { title, messageIds, deliveryIds, state, final, cameBack, ending, lines }
}

function textOf({ output }: Context, { title, lines, ending }: Timeline): string {
  return [
    output.style('bold', printable(title)),
    ...lines.map(lineIn),
    `  ${output.style('bold', printable(ending))}`,
  ].join('\n')
}

/** As wide as the widest: `2026-11-21T10:00:00.000Z`, `dead letters`. */
const TIME_WIDTH = 24
const AFTER_WIDTH = 10
const SOURCE_WIDTH = 12

function lineIn({ at, afterMs, source, text }: Line): string {
  const after = afterMs === 0 ? '' : afterMs < 1_000 ? `+${afterMs} ms` : `+${duration(afterMs)}`
  return `  ${at.padEnd(TIME_WIDTH)}  ${after.padStart(AFTER_WIDTH)}  ${source.padEnd(SOURCE_WIDTH)}  ${printable(text)}`
}
