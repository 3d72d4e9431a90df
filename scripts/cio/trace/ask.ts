import { messageKey } from '../../../shared/idempotency/index.ts'
import type { HashRing, Identifier } from '../../../shared/identity/index.ts'
import type { Context } from '../context.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import { soughtBy } from '../dead-letters/whose.ts'
import { usageError, wordsOf } from '../errors.ts'
import { duration } from '../output.ts'
import { findPerson, type GivenNames, hashRingOf, namesOf, readNames } from '../person/person.ts'
import { hashesInRows } from '../person/warehouse.ts'
import { deadLetters } from './dead-letters.ts'
import type { Entry } from './entry.ts'
import { gather, type Sought, type Stores } from './gather.ts'
import { remembered } from './ledger.ts'
import { type Question, questionOf, type TraceOptions } from './question.ts'
import { TraceRows } from './rows.ts'

/** A question about messages, before anything was read for it. */
export interface Asked {
  readonly question: Question
  /** What is read for it, in words: tables and days first. */
  readonly reads: readonly string[]
  /** Bytes of BigQuery that are read at most, by dry runs, which read nothing. */
  bytes(): Promise<number>
  /** Asks every store. Dead letters that are looked through are given back. */
  entries(): Promise<readonly Entry[]>
}

/** @throws a usage error when not exactly one thing is asked for */
export async function ask(context: Context, options: TraceOptions): Promise<Asked> {
  const { connection, now } = context
  const question = questionOf(options)
  const { dataset } = connection.topology.bigquery
  const rows = new TraceRows(await connection.bigquery(), dataset, now() - options.since)
  const isPerson = question.by === 'person'
  let sought: Sought | undefined
  return {
    question,
    reads: [
      `the last ${duration(options.since)} of message_outcomes and webhook_events`,
      'the send ledger',
      ...(options.deadLetters
        ? [`${isPerson ? 'all dead letters' : 'dead letters if it was not accepted'}, which it gives back`]
        : []),
    ],
    bytes: () => rows.bytes(isPerson ? 'person' : 'message'),
    entries: async () => {
      sought ??= await soughtFor(context, question, options.limit)
      return await gather(storesOf(context, rows, options), sought)
    },
  }
}

async function soughtFor(context: Context, question: Question, limit: number): Promise<Sought> {
  const nothing = { messageIds: [], keys: [], deliveryIds: [], names: [], ring: undefined, limit }
  switch (question.by) {
    case 'message':
      return { ...nothing, messageIds: [question.value] }
    case 'delivery':
      return { ...nothing, deliveryIds: [question.value] }
    case 'key':
      return { ...nothing, keys: [publishersKey(question.value)], ring: await hashRingOf(context) }
    case 'person':
      return { ...nothing, ...(await personOf(context, question.names)) }
  }
}

function publishersKey(idempotencyKey: string): string {
  const keyed = messageKey({ idempotencyKey, messageId: '' })
  if (keyed.ok) return keyed.key
  throw usageError(`--key: ${keyed.error}`)
}

/** With the other names that Customer.io knows; where it cannot be asked, by the given name alone. */
async function personOf(
  context: Context,
  given: GivenNames,
): Promise<{ readonly names: readonly Identifier[]; readonly ring: HashRing }> {
  const own = namesOf({ cioId: undefined, ...readNames(given) })
  const ring = await hashRingOf(context)
  try {
    return { names: namesOf((await findPerson(context, given)).person), ring }
  } catch (error) {
    context.output.warn(`looks for this name only, since Customer.io does not tell the others: ${wordsOf(error)}`)
    return { names: own, ring }
  }
}

function storesOf(context: Context, rows: TraceRows, options: TraceOptions): Stores {
  const sources = sourcesOf(context.connection.topology)
  return {
    rows,
    remembered: (question) => remembered(context, question),
    deadLetters: async (sought, topic) => {
      if (!options.deadLetters) return []
      return await deadLetters(
        context,
        sources.filter((source) => topic === undefined || source.topic === topic),
        sought,
      )
    },
    hashesInRows,
    soughtBy: (names) => (names.length === 0 ? undefined : soughtBy(names)),
  }
}
