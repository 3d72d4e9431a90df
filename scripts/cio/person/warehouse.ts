import { createHash } from 'node:crypto'
import { domainToUnicode } from 'node:url'
import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import { type Identifier, ownershipOf, personsInWebhook } from '../../../shared/identity/index.ts'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import { relationOf, type Sought } from '../dead-letters/whose.ts'

/** What names a person in a row: a column, or a part of one, and the kind of name. */
const NAMES_IN_ROWS = [
  { column: 'person_id', as: 'person_id', kind: 'id', sql: 'person_id' },
  { column: 'person_email', as: 'person_email', kind: 'email', sql: 'LOWER(person_email)' },
  { column: 'person_cio_id', as: 'person_cio_id', kind: 'cio_id', sql: 'person_cio_id' },
  { column: 'data', as: 'person_phone', kind: 'phone', sql: "JSON_VALUE(data, '$.identifiers.phone')" },
  { column: 'recipient', as: 'recipient', kind: 'email', sql: 'LOWER(recipient)' },
  { column: 'recipient', as: 'recipient', kind: 'email', sql: "LOWER(REGEXP_EXTRACT(recipient, r'<([^<>]*)>'))" },
  { column: 'recipient', as: 'recipient', kind: 'phone', sql: 'recipient' },
] as const

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
  /** Rows whose raw body may be about them: for somebody to decide. */
  readonly perhaps: readonly string[]
}

const rowSchema = z.looseObject({
  event_id: z.string(),
  delivery_id: z.string().nullish(),
  person_id: z.string().nullish(),
  person_email: z.string().nullish(),
  person_cio_id: z.string().nullish(),
  person_phone: z.string().nullish(),
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
      const own = rows.filter((row) => ownershipOf(personsInRow(row), sought.isMeant) === 'own')
      for (const { delivery_id: delivery } of own) if (delivery) deliveries.add(delivery)
      found[table.name] = { own: [...new Set(own.map(({ event_id }) => event_id))], perhaps: [] }
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
    const columns = new Map(names.map(({ as, column, sql }) => [as, column === as ? as : `${sql} AS ${as}`]))
    const conditions = names.map(({ kind, sql }) => `TO_HEX(SHA256(CONCAT('${kind}:', ${sql}))) IN UNNEST(@hashes)`)
    // Several recipients in one text: read, to be told apart here.
    if (columns.has('recipient')) conditions.push("recipient LIKE '%,%'")
    const selected = ['event_id', ...(hasDeliveries ? ['delivery_id'] : []), ...columns.values()]
    const rows = await this.#query(
      `SELECT ${selected.join(', ')} FROM ${this.#path({ name })}
      WHERE ${partitionField} >= ${BEGINNING} AND (${conditions.join(' OR ')})`,
      { hashes: hashesInRows(sought) },
    )
    return z.array(rowSchema).parse(rows)
  }

  async #nameless(table: PersonTable, deliveries: readonly string[]): Promise<readonly string[]> {
    const empty = [...new Set(table.names.map(({ column, sql }) => `${column === 'data' ? sql : column} IS NULL`))]
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
  return personsInWebhook({ data: { identifiers: { id, email, cio_id, phone }, recipient } })
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
        ? [value, value.replace(/^\+/, '')]
        : [value]
  return [...new Set(texts)].map((text) => `${kind}:${text}`)
}
