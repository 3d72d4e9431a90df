import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { count, duration, printable, table } from '../output.ts'
import { jsonOf, whatIs } from './body.ts'
import { factsOf, type Letter } from './dead-letter.ts'
import type { Filter } from './filter.ts'
import { look, lookThrough } from './peek.ts'
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

interface Group {
  readonly source: string
  readonly reason: string
  messages: number
  /** Of them, how many were replayed before. */
  replayed: number
  oldestMs: number
  newestMs: number
}

/** Dead letters by source and reason, as they are counted one by one. */
export class Groups {
  readonly #groups = new Map<string, Group>()

  add(letter: Letter): void {
    const { reason, replays, publishedAtMs } = factsOf(letter)
    const source = letter.source.name
    const key = JSON.stringify([source, reason])
    const none = { source, reason, messages: 0, replayed: 0, oldestMs: publishedAtMs, newestMs: publishedAtMs }
    const group = this.#groups.get(key) ?? none
    group.messages += 1
    if (replays > 0) group.replayed += 1
    group.oldestMs = Math.min(group.oldestMs, publishedAtMs)
    group.newestMs = Math.max(group.newestMs, publishedAtMs)
    this.#groups.set(key, group)
  }

  /** By source, and within it the largest first. */
  get all(): readonly Readonly<Group>[] {
    return [...this.#groups.values()].sort((a, b) => a.source.localeCompare(b.source) || b.messages - a.messages)
  }
}

export async function stats(context: Context, names: readonly string[], filter: Filter): Promise<void> {
  const { output, connection, now } = context
  const groups = new Groups()
  await lookThrough(context, sourcesOf(connection.topology, names), filter, (letter) => groups.add(letter))
  const messages = groups.all.reduce((sum, group) => sum + group.messages, 0)
  const rows = groups.all.map(({ oldestMs, newestMs, ...group }) => ({
    ...group,
    oldest: new Date(oldestMs).toISOString(),
    newest: new Date(newestMs).toISOString(),
  }))
  output.result({ messages, groups: rows }, () => {
    if (messages === 0) return 'no dead letters'
    const cells = groups.all.map(({ source, reason, messages, replayed, oldestMs, newestMs }) => {
      const ages = [oldestMs, newestMs].map((time) => duration(now() - time))
      return [source, reason, String(messages), String(replayed), ...ages]
    })
    return `${table(['source', 'reason', 'messages', 'replayed before', 'oldest', 'newest'], cells)}\n\n${count(messages, 'dead letter')}`
  })
}
