import type { Context } from '../context.ts'
import { count, duration, printable, table } from '../output.ts'
import { jsonOf, whatIs } from './body.ts'
import { type DeadLetter, factsOf } from './dead-letter.ts'
import { type Filter, idsNotFound, notFoundError } from './filter.ts'
import { Groups } from './groups.ts'
import { peek, peekEach } from './peek.ts'
import { tellOfReveal } from './record.ts'
import { sourcesOf } from './source.ts'
import { verdictOn } from './verdict.ts'

/** The whole dead letter, for programs. Contains personal data. */
function described(deadLetter: DeadLetter, now: () => number) {
  return {
    ...summary(deadLetter),
    problems: verdictOn(deadLetter.source.topic, deadLetter.data, now) ?? null,
    attributes: deadLetter.attributes,
    orderingKey: deadLetter.orderingKey,
    message: bodyOf(deadLetter),
  }
}

/** A dead letter without its content. */
function summary(deadLetter: DeadLetter) {
  const { key, publishedAtMs, ...facts } = factsOf(deadLetter)
  return {
    id: deadLetter.id,
    messageId: deadLetter.messageId,
    source: deadLetter.source.name,
    what: whatIs(deadLetter.data),
    ...facts,
    key: key?.value ?? null,
    publishedAt: new Date(publishedAtMs).toISOString(),
    deadLetteredAt: new Date(deadLetter.deadLetteredAtMs).toISOString(),
  }
}

function bodyOf({ data }: DeadLetter): unknown {
  return jsonOf(data) ?? data.toString('utf8')
}

export async function list(context: Context, names: readonly string[], filter: Filter, limit: number): Promise<void> {
  const { output, connection, now } = context
  const deadLetters = await peek(context, sourcesOf(connection.topology, names), { ...filter, mentions: true }, limit)
  output.result(deadLetters.map(summary), () => {
    if (deadLetters.length === 0) return 'no dead letters'
    const rows = deadLetters.map((deadLetter) => {
      const facts = factsOf(deadLetter)
      const age = duration(now() - facts.publishedAtMs)
      return [
        deadLetter.id,
        deadLetter.source.name,
        whatIs(deadLetter.data),
        facts.reason,
        age,
        String(facts.replays),
        facts.error,
      ]
    })
    return table(['id', 'source', 'what', 'reason', 'age', 'replays', 'error'], rows)
  })
  if (deadLetters.length === limit)
    output.note(`only the first ${limit} are shown: --limit shows more, \`dlq stats\` counts all`)
}

export async function show(context: Context, ids: readonly string[]): Promise<void> {
  const { output, connection, now } = context
  const deadLetters = await peek(context, sourcesOf(connection.topology), { id: ids })
  const missing = idsNotFound({ id: ids }, new Set(deadLetters.flatMap(({ id, messageId }) => [id, messageId])))
  if (missing.length > 0) {
    throw notFoundError(missing)
  }
  await tellOfReveal(context, { deadLetters })
  output.result(
    deadLetters.map((deadLetter) => described(deadLetter, now)),
    () => deadLetters.map(pretty).join('\n\n'),
  )

  function pretty(deadLetter: DeadLetter): string {
    const { bodyCut, httpStatus, ...facts } = summary(deadLetter)
    const lines = Object.entries({
      ...facts,
      ...(httpStatus !== undefined && { httpStatus }),
      ...(bodyCut && { bodyCut }),
    })
    const attributes = Object.entries(deadLetter.attributes).map(
      ([name, value]) => `  ${printable(`${name}: ${value}`)}`,
    )
    const problems = verdictOn(deadLetter.source.topic, deadLetter.data, now) ?? []
    return [
      ...lines.map(([name, value]) => `${output.style('bold', `${name}:`.padEnd(13))} ${printable(String(value))}`),
      output.style('bold', 'attributes:'),
      ...attributes,
      output.style('bold', 'message:'),
      JSON.stringify(bodyOf(deadLetter), null, 2),
      ...(problems.length === 0 ? [] : [output.style('bold', "what breaks today's contract:")]),
      ...problems.map(({ field, rule }) => `  ${printable(`${field}: ${rule}`)}`),
    ].join('\n')
  }
}

export async function stats(context: Context, names: readonly string[], filter: Filter): Promise<void> {
  const { output, connection, now } = context
  const groups = new Groups()
  await peekEach(context, sourcesOf(connection.topology, names), { ...filter, mentions: true }, (deadLetter) =>
    groups.add(deadLetter),
  )
  const messages = groups.all.reduce((sum, group) => sum + group.messages, 0)
  const rows = groups.all.map(({ oldestMs, newestMs, ...group }) => ({
    ...group,
    oldest: new Date(oldestMs).toISOString(),
    newest: new Date(newestMs).toISOString(),
  }))
  output.result({ messages, groups: rows }, () => {
    if (messages === 0) return 'no dead letters'
    const cells = groups.all.map(({ source, reason, field, messages, replayed, oldestMs, newestMs }) => {
      const ages = [oldestMs, newestMs].map((time) => duration(now() - time))
      return [source, reason, field ?? '', String(messages), String(replayed), ...ages]
    })
    const head = ['source', 'reason', 'field', 'messages', 'replayed before', 'oldest', 'newest']
    return `${table(head, cells)}\n\n${count(messages, 'dead letter')}`
  })
}
