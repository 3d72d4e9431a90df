import { createHash } from 'node:crypto'
import { domainToUnicode } from 'node:url'
import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import {
  type Identifier,
  type IdentifierKind,
  type Ownership,
  ownershipOf,
  personsInWebhook,
} from '../../../shared/identity/index.ts'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import { relationOf, type Sought } from '../dead-letters/whose.ts'

/** What names a person in a row, a column or a part of one, and the kinds of name that it may hold. */
const NAMES_IN_ROWS = [
  { column: 'person_id', as: 'person_id', kinds: ['id'], sql: 'person_id' },
  { column: 'person_email', as: 'person_email', kinds: ['email'], sql: 'person_email' },
  { column: 'person_cio_id', as: 'person_cio_id', kinds: ['cio_id'], sql: 'person_cio_id' },
  { column: 'data', as: 'person_phone', kinds: ['phone'], sql: "JSON_VALUE(data, '$.identifiers.phone')" },
  // Where `identifiers` has another, the columns have that one.
  { column: 'data', as: 'customer_id', kinds: ['id'], sql: "JSON_VALUE(data, '$.customer_id')" },
  { column: 'data', as: 'email_address', kinds: ['email'], sql: "JSON_VALUE(data, '$.email_address')" },
  { column: 'recipient', as: 'recipient', kinds: ['email', 'phone'], sql: 'recipient' },
] as const

/** In lists, groups, comments, addresses with a scheme or blanks around them, and phone numbers in parts. */
const SPELT_OTHERWISE = String.raw`[,;(]|^\s|\s$|(?i:mailto|tel|sms):|^[+0][0-9]*[ ./-]`

/** Finds what may be one of the names that are hashed, and what has to be read to know. */
function conditionsOf({ kinds, sql }: (typeof NAMES_IN_ROWS)[number]): readonly string[] {
  const isSought = (kind: IdentifierKind, value: string) =>
    `TO_HEX(SHA256(CONCAT('${kind}:', ${value}))) IN UNNEST(@hashes)`
  return kinds.flatMap((kind) => {
    if (kind === 'id' || kind === 'cio_id') return [isSought(kind, sql)]
    const otherwise = `REGEXP_EXTRACT(${sql}, r'(${SPELT_OTHERWISE})') IS NOT NULL`
    if (kind === 'phone') return [isSought(kind, sql), otherwise]
    const inBrackets = `LOWER(REGEXP_EXTRACT(${sql}, r'<\\s*([^<>]*?)\\s*>'))`
    return [isSought(kind, `LOWER(${sql})`), isSought(kind, inBrackets), otherwise]
  })
}

/** A table of the warehouse, as far as people are concerned. */
export interface PersonTable {
  readonly name: string
  readonly partitionField: string
  /** The entries of NAMES_IN_ROWS that it has; none where only the raw body tells. */
  readonly names: readonly (typeof NAMES_IN_ROWS)[number][]
  readonly hasDeliveries: boolean
}

/** Long before Customer.io: every partition, said in the way that `require_partition_filter` wants. */
const BEGINNING = "TIMESTAMP '2000-01-01 00:00:00+00'"
/**
 * Rows that arrived earlier than that can certainly be deleted: BigQuery documents 30 minutes, and up to 90 in rare cases.
 * https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations
 * https://cloud.google.com/bigquery/docs/error-messages
 */
const BUFFER_MINUTES = 95
/** Keys of one statement: BigQuery takes 10 MB of parameters. */
const KEYS_PER_STATEMENT = 20_000

/**
 * The tables of `pipeline.yaml` that can name a person, read from their schema files: a new column that names one is found
 * here.
 */
export function personTables({ tables }: Topology['bigquery']): readonly PersonTable[] {
  return Object.entries(tables).flatMap(([name, table]) => {
    const columns = new Set(tableFields(PROJECT_ROOT, table.schema).map((field) => String(field.name)))
    const names = columns.has('body') ? [] : NAMES_IN_ROWS.filter(({ column }) => columns.has(column))
    if (names.length === 0 && !columns.has('body')) return []
    return [{ name, partitionField: table.partition_field, names, hasDeliveries: columns.has('delivery_id') }]
  })
}

/** Rows of one table about a person, by their keys: `event_id`, or `message_id` in the quarantine. */
export interface RowsAbout {
  readonly own: readonly string[]
  /** Rows whose raw body may be about them, or that went to others as well: for somebody to decide. */
  readonly perhaps: readonly string[]
}

const rowSchema = z.looseObject({
  event_id: z.string(),
  delivery_id: z.string().nullish(),
  person_id: z.string().nullish(),
  person_email: z.string().nullish(),
  person_cio_id: z.string().nullish(),
  person_phone: z.string().nullish(),
  customer_id: z.string().nullish(),
  email_address: z.string().nullish(),
  recipient: z.string().nullish(),
})
const quarantinedSchema = z.object({ message_id: z.string(), body: z.instanceof(Buffer) })
const countSchema = z.array(z.object({ found: z.coerce.number() }))

export interface Erased {
  readonly deleted: number
  /** Keys of rows that BigQuery does not let go yet. */
  readonly left: readonly string[]
}

/** The warehouse's rows about one person. Who a row is about is decided by `shared/identity`; SQL only finds candidates. */
export class PersonRows {
  readonly #bigquery: BigQuery
  readonly #dataset: string

  constructor(bigquery: BigQuery, dataset: string) {
    this.#bigquery = bigquery
    this.#dataset = dataset
  }

  async find(tables: readonly PersonTable[], sought: Sought): Promise<Readonly<Record<string, RowsAbout>>> {
    const found: Record<string, RowsAbout> = {}
    const deliveries = new Set<string>()
    const named = tables.filter(({ names }) => names.length > 0)
    for (const table of tables) {
      if (table.names.length === 0) {
        found[table.name] = await this.#inBodies(table, sought)
        continue
      }
      const rows = await this.#candidates(table, sought.names)
      const keysOf = (kind: Ownership) =>
        rows.filter((row) => ownershipOf(personsInRow(row), sought.isMeant) === kind).map(({ event_id }) => event_id)
      const own = new Set(keysOf('own'))
      for (const { event_id: key, delivery_id: delivery } of rows)
        if (delivery && own.has(key)) deliveries.add(delivery)
      const perhaps = new Set(keysOf('shared').filter((key) => !own.has(key)))
      found[table.name] = { own: [...own], perhaps: [...perhaps] }
    }
    // A delivery goes to one person: its rows that name nobody are about them too.
    for (const table of named) {
      const nameless = table.hasDeliveries ? await this.#nameless(table, [...deliveries]) : []
      const before = found[table.name]
      found[table.name] = { own: [...new Set([...(before?.own ?? []), ...nameless])], perhaps: before?.perhaps ?? [] }
    }
    return found
  }

  async read(table: PersonTable, keys: readonly string[]): Promise<readonly unknown[]> {
    return this.#inParts(keys, (part) =>
      this.#query(`SELECT * FROM ${this.#path(table)} WHERE ${this.#keyed(table)}`, { keys: part }),
    )
  }

  /** Deletes what can be deleted now. */
  async erase(table: PersonTable, keys: readonly string[]): Promise<Erased> {
    const left = await this.#inParts(keys, (part) => this.#erasePart(table, part))
    return { deleted: keys.length - left.length, left }
  }

  async #erasePart(table: PersonTable, keys: readonly string[]): Promise<readonly string[]> {
    const statement = `DELETE FROM ${this.#path(table)} WHERE ${this.#keyed(table)}`
    try {
      await this.#query(statement, { keys })
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('streaming buffer'))) throw error
      // One row in the buffer refuses the whole statement: those that have certainly left it go alone.
      const before = `received_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${BUFFER_MINUTES} MINUTE)`
      await this.#query(`${statement} AND ${before}`, { keys })
    }
    const key = keyOfRow(table)
    const rows = await this.#query(
      `SELECT DISTINCT ${key} AS k FROM ${this.#path(table)} WHERE ${this.#keyed(table)}`,
      {
        keys,
      },
    )
    return z
      .array(z.object({ k: z.string() }))
      .parse(rows)
      .map(({ k }) => k)
  }

  async count(table: PersonTable, keys: readonly string[]): Promise<number> {
    const counts = await this.#inParts(keys, async (part) => {
      const query = `SELECT COUNT(*) AS found FROM ${this.#path(table)} WHERE ${this.#keyed(table)}`
      return countSchema.parse(await this.#query(query, { keys: part })).map(({ found }) => found)
    })
    return counts.reduce((sum, found) => sum + found, 0)
  }

  /**
   * Rows that may name one of these. The query's parameters are SHA-256 hashes, since BigQuery keeps the text of each query
   * for half a year, for everybody who may list jobs.
   */
  async #candidates({ name, partitionField, names, hasDeliveries }: PersonTable, sought: readonly Identifier[]) {
    if (sought.length === 0) return []
    const columns = new Map(names.map(({ as, sql }) => [as, sql === as ? as : `${sql} AS ${as}`]))
    const conditions = [...new Set(names.flatMap(conditionsOf))]
    const selected = ['event_id', ...(hasDeliveries ? ['delivery_id'] : []), ...columns.values()]
    const rows = await this.#query(
      `SELECT ${selected.join(', ')} FROM ${this.#path({ name })}
      WHERE ${partitionField} >= ${BEGINNING} AND (${conditions.join(' OR ')})`,
      { hashes: hashesInRows(sought) },
    )
    return z.array(rowSchema).parse(rows)
  }

  async #nameless(table: PersonTable, deliveries: readonly string[]): Promise<readonly string[]> {
    const empty = table.names.map(({ sql }) => `${sql} IS NULL`)
    const query = `SELECT DISTINCT event_id AS k FROM ${this.#path(table)}
      WHERE ${table.partitionField} >= ${BEGINNING} AND delivery_id IN UNNEST(@keys) AND ${empty.join(' AND ')}`
    return this.#inParts(deliveries, async (keys) =>
      z
        .array(z.object({ k: z.string() }))
        .parse(await this.#query(query, { keys }))
        .map(({ k }) => k),
    )
  }

  /** What was not understood has no columns: its bodies are read here. There are few, or there is another problem. */
  async #inBodies(table: PersonTable, sought: Sought): Promise<RowsAbout> {
    const query = `SELECT message_id, body FROM ${this.#path(table)} WHERE ${table.partitionField} >= ${BEGINNING}`
    const own: string[] = []
    const perhaps: string[] = []
    for (const { message_id: key, body } of z.array(quarantinedSchema).parse(await this.#query(query, {}))) {
      const relation = relationOf('webhook-events', body, sought)
      if (relation === 'own') own.push(key)
      else if (relation !== 'none') perhaps.push(key)
    }
    return { own, perhaps }
  }

  #keyed(table: PersonTable): string {
    return `${table.partitionField} >= ${BEGINNING} AND ${keyOfRow(table)} IN UNNEST(@keys)`
  }

  async #inParts<T>(
    keys: readonly string[],
    work: (part: readonly string[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const results: T[] = []
    for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
      results.push(...(await work(keys.slice(start, start + KEYS_PER_STATEMENT))))
    }
    return results
  }

  #path({ name }: Pick<PersonTable, 'name'>): string {
    return `\`${this.#bigquery.projectId}.${this.#dataset}.${name}\``
  }

  async #query(query: string, params: Readonly<Record<string, readonly string[]>>): Promise<readonly unknown[]> {
    const [rows] = await this.#bigquery.query({ query, params })
    return rows
  }
}

function keyOfRow({ names }: Pick<PersonTable, 'names'>): string {
  return names.length === 0 ? 'message_id' : 'event_id'
}

function personsInRow(row: z.infer<typeof rowSchema>) {
  const { person_id: id, person_email: email, person_cio_id: cio_id, person_phone: phone, recipient } = row
  const { customer_id, email_address } = row
  return personsInWebhook({
    data: { identifiers: { id, email, cio_id, phone }, customer_id, email_address, recipient },
  })
}

/** What a query looks for in rows instead of names: the SHA-256 of `kind:name`, for each spelling that rows may have. */
export function hashesInRows(names: readonly Identifier[]): readonly string[] {
  return names.flatMap(spellings).map((text) => createHash('sha256').update(text).digest('hex'))
}

/** As rows may have it: a domain in its own alphabet or in punycode, a phone number with or without its plus sign. */
function spellings({ kind, value }: Identifier): readonly string[] {
  const at = value.lastIndexOf('@')
  const texts =
    kind === 'email' && at > 0
      ? [value, `${value.slice(0, at)}@${domainToUnicode(value.slice(at + 1))}`]
      : kind === 'phone'
        ? [value, value.replace(/^\+/, ''), value.replace(/^\+/, '00')]
        : [value]
  return [...new Set(texts)].map((text) => `${kind}:${text}`)
}
