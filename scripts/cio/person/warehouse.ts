import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import { namesSomebodyOf, type PersonHashes } from './person.ts'

/** Columns that name a person, and the kind of name that is in them. */
const NAMING_COLUMNS = {
  person_id: 'id',
  person_email: 'email',
  person_cio_id: 'cio_id',
  recipient: 'email',
} as const

/** A table of the warehouse, as far as people are concerned. */
export interface PersonTable {
  readonly name: string
  readonly partitionField: string
  /** Condition of SQL over `@hashes` that a row is about the person; undefined where only the raw body tells. */
  readonly condition: string | undefined
}

/** Long before Customer.io: every partition, said in the way that `require_partition_filter` wants. */
const BEGINNING = "TIMESTAMP '2000-01-01 00:00:00+00'"
/** What BigQuery's streaming buffer holds back at most. */
const BUFFER_MINUTES = 95

/** The tables of `pipeline.yaml`, read from their schema files: a new column that names a person is found here. */
export function personTables({ tables }: Topology['bigquery']): readonly PersonTable[] {
  return Object.entries(tables).map(([name, table]) => {
    const columns = tableFields(PROJECT_ROOT, table.schema).map((field) => String(field.name))
    const conditions = Object.entries(NAMING_COLUMNS)
      .filter(([column]) => columns.includes(column))
      .map(([column, kind]) => {
        const value = kind === 'email' ? `LOWER(${column})` : column
        return `TO_HEX(SHA256(CONCAT('${kind}:', ${value}))) IN UNNEST(@hashes)`
      })
    return {
      name,
      partitionField: table.partition_field,
      condition: conditions.length === 0 ? undefined : `(${conditions.join(' OR ')})`,
    }
  })
}

const quarantinedSchema = z.array(z.object({ message_id: z.string(), body: z.instanceof(Buffer) }))
const countSchema = z.array(z.object({ found: z.coerce.number() }))

export interface Erased {
  readonly deleted: number
  /** Rows that BigQuery does not let go yet. */
  readonly left: number
}

/** The warehouse's rows about one person. */
export class PersonRows {
  readonly #bigquery: BigQuery
  readonly #dataset: string
  readonly #hashes: PersonHashes

  constructor(bigquery: BigQuery, dataset: string, hashes: PersonHashes) {
    this.#bigquery = bigquery
    this.#dataset = dataset
    this.#hashes = hashes
  }

  async read(table: PersonTable): Promise<readonly unknown[]> {
    const { where, params } = await this.#about(table)
    return where === undefined ? [] : await this.#query(`SELECT * FROM ${this.#path(table)} WHERE ${where}`, params)
  }

  /** Deletes what can be deleted now. */
  async erase(table: PersonTable): Promise<Erased> {
    const { where, params } = await this.#about(table)
    if (where === undefined) return { deleted: 0, left: 0 }
    const found = await this.#count(table, where, params)
    if (found === 0) return { deleted: 0, left: 0 }
    const statement = `DELETE FROM ${this.#path(table)} WHERE ${where}`
    try {
      await this.#query(statement, params)
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('streaming buffer'))) throw error
      // One row in the buffer refuses the whole statement: those that have certainly left it go alone.
      const before = `received_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${BUFFER_MINUTES} MINUTE)`
      await this.#query(`${statement} AND ${before}`, params)
    }
    const left = await this.#count(table, where, params)
    // Rows may come in while it runs.
    return { deleted: Math.max(0, found - left), left }
  }

  async #count(table: PersonTable, where: string, params: Params): Promise<number> {
    const rows = await this.#query(`SELECT COUNT(*) AS found FROM ${this.#path(table)} WHERE ${where}`, params)
    return countSchema.parse(rows)[0]?.found ?? 0
  }

  /** The condition for this person; undefined when no row can be about them. */
  async #about(table: PersonTable): Promise<{ readonly where: string | undefined; readonly params: Params }> {
    const all = `${table.partitionField} >= ${BEGINNING}`
    if (table.condition !== undefined) {
      return { where: `${all} AND ${table.condition}`, params: { hashes: [...this.#hashes.names] } }
    }
    // What was not understood has no columns: its bodies are read here. There are few, or there is another problem.
    const rows = await this.#query(`SELECT message_id, body FROM ${this.#path(table)} WHERE ${all}`, {})
    const ids = quarantinedSchema
      .parse(rows)
      .flatMap(({ message_id, body }) => (this.#isMeant(body) ? [message_id] : []))
    if (ids.length === 0) return { where: undefined, params: {} }
    return { where: `${all} AND message_id IN UNNEST(@ids)`, params: { ids } }
  }

  #isMeant(body: Buffer): boolean {
    return namesSomebodyOf(body, this.#hashes)
  }

  #path({ name }: PersonTable): string {
    return `\`${this.#bigquery.projectId}.${this.#dataset}.${name}\``
  }

  async #query(query: string, params: Params): Promise<readonly unknown[]> {
    const [rows] = await this.#bigquery.query({ query, params })
    return rows
  }
}

type Params = Readonly<Record<string, readonly string[]>>
