import type { Context } from '../context.ts'
import { count, duration, printable, table } from '../output.ts'
import { jsonOf, whatIs } from './body.ts'
import { type DeadLetter, factsOf } from './dead-letter.ts'
import { type Filter, idsNotFound, notFoundError } from './filter.ts'
import { peek, peekEach } from './peek.ts'
import { sourcesOf } from './source.ts'

/** The whole dead letter, for programs. Contains personal data. */
function described(deadLetter: DeadLetter) {
  return {
    ...summary(deadLetter),
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
  const { output, connection } = context
  const deadLetters = await peek(context, sourcesOf(connection.topology), { id: ids })
  const missing = idsNotFound({ id: ids }, new Set(deadLetters.flatMap(({ id, messageId }) => [id, messageId])))
  if (missing.length > 0) {
    throw notFoundError(missing)
  }
  output.result(deadLetters.map(described), () => deadLetters.map(pretty).join('\n\n'))

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
    return [
      ...lines.map(([name, value]) => `${output.style('bold', `${name}:`.padEnd(13))} ${printable(String(value))}`),
      output.style('bold', 'attributes:'),
      ...attributes,
      output.style('bold', 'message:'),
      JSON.stringify(bodyOf(deadLetter), null, 2),
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

  add(deadLetter: DeadLetter): void {
    const { reason, replays, publishedAtMs } = factsOf(deadLetter)
    const source = deadLetter.source.name
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
    const cells = groups.all.map(({ source, reason, messages, replayed, oldestMs, newestMs }) => {
      const ages = [oldestMs, newestMs].map((time) => duration(now() - time))
      return [source, reason, String(messages), String(replayed), ...ages]
    })
    return `${table(['source', 'reason', 'messages', 'replayed before', 'oldest', 'newest'], cells)}\n\n${count(messages, 'dead letter')}`
  })
}
