import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { count, duration, printable, table } from '../output.ts'
import { jsonOf, whatIs } from './body.ts'
import type { Filter } from './filter.ts'
import { factsOf, type Letter } from './letter.ts'
import { look } from './look.ts'
import { sourcesOf } from './source.ts'

/** A letter for programs. Holds the whole message: personal data. */
function described(letter: Letter) {
  return { ...summary(letter), attributes: letter.attributes, orderingKey: letter.orderingKey, message: bodyOf(letter) }
}

/** A letter without what is in it. */
function summary(letter: Letter) {
  const { key, publishedAtMs, ...facts } = factsOf(letter)
  return {
    id: letter.id,
    source: letter.source.name,
    what: whatIs(letter.data),
    ...facts,
    key: key?.value ?? null,
    publishedAt: new Date(publishedAtMs).toISOString(),
    givenUpAt: new Date(letter.givenUpAtMs).toISOString(),
  }
}

function bodyOf({ data }: Letter): unknown {
  return jsonOf(data) ?? data.toString('utf8')
}

export async function list(context: Context, names: readonly string[], filter: Filter, limit: number): Promise<void> {
  const { output, connection, now } = context
  const letters = await look(context, sourcesOf(connection.topology, names), filter, limit)
  output.result(letters.map(summary), () => {
    if (letters.length === 0) return 'no dead letters'
    const rows = letters.map((letter) => {
      const facts = factsOf(letter)
      const age = duration(now() - facts.publishedAtMs)
      return [letter.id, letter.source.name, whatIs(letter.data), facts.reason, age, String(facts.replays), facts.error]
    })
    return table(['id', 'source', 'what', 'reason', 'age', 'replays', 'error'], rows)
  })
  if (letters.length === limit)
    output.note(`these are the first ${limit}: --limit shows more, \`dlq stats\` counts all`)
}

export async function show(context: Context, ids: readonly string[]): Promise<void> {
  const { output, connection } = context
  const letters = await look(context, sourcesOf(connection.topology), { id: ids }, ids.length)
  const missing = ids.filter((id) => letters.every((letter) => letter.id !== id))
  if (missing.length > 0) {
    throw new CommandError(`no dead letter ${missing.join(', ')} here`, {
      hint: 'It may be in the hands of another run for up to a minute; `dlq list` shows what there is.',
    })
  }
  output.result(letters.map(described), () => letters.map(pretty).join('\n\n'))

  function pretty(letter: Letter): string {
    const { bodyCut, httpStatus, ...facts } = summary(letter)
    const lines = Object.entries({
      ...facts,
      ...(httpStatus !== undefined && { httpStatus }),
      ...(bodyCut && { bodyCut }),
    })
    const attributes = Object.entries(letter.attributes).map(([name, value]) => `  ${printable(`${name}: ${value}`)}`)
    return [
      ...lines.map(([name, value]) => `${output.style('bold', `${name}:`.padEnd(13))} ${printable(String(value))}`),
      output.style('bold', 'attributes:'),
      ...attributes,
      output.style('bold', 'message:'),
      JSON.stringify(bodyOf(letter), null, 2),
    ].join('\n')
  }
}

export async function stats(context: Context, names: readonly string[], filter: Filter): Promise<void> {
  const { output, connection, now } = context
  const letters = await look(context, sourcesOf(connection.topology, names), filter)
  const groups = Map.groupBy(letters, (letter) => JSON.stringify([letter.source.name, factsOf(letter).reason]))
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const times = group.map((letter) => factsOf(letter).publishedAtMs)
    return [
      {
        source: first.source.name,
        reason: factsOf(first).reason,
        messages: group.length,
        replayed: group.filter((letter) => factsOf(letter).replays > 0).length,
        oldest: new Date(Math.min(...times)).toISOString(),
        newest: new Date(Math.max(...times)).toISOString(),
      },
    ]
  })
  rows.sort((a, b) => a.source.localeCompare(b.source) || b.messages - a.messages)
  output.result({ messages: letters.length, groups: rows }, () => {
    if (rows.length === 0) return 'no dead letters'
    const cells = rows.map(({ source, reason, messages, replayed, oldest, newest }) => {
      const ages = [oldest, newest].map((time) => duration(now() - Date.parse(time)))
      return [source, reason, String(messages), String(replayed), ...ages]
    })
    return `${table(['source', 'reason', 'messages', 'replayed before', 'oldest', 'newest'], cells)}\n\n${count(letters.length, 'dead letter')}`
  })
}
