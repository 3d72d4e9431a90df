import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import type { Removed } from '../dead-letters/record.ts'
import { hashesOfRecord, type LedgerHash } from './ledger.ts'

/** A table that knows people by keyed hashes alone: `person`, the one whom a row is about, and `persons`, all that it names. */
interface HashTable {
  readonly name: string
  readonly partitionField: string
}

/** Every partition, said in the way that `require_partition_filter` wants. */
const BEGINNING = "TIMESTAMP '2000-01-01 00:00:00+00'"
const NAMED = 'EXISTS (SELECT 1 FROM UNNEST(persons) AS name WHERE name IN UNNEST(@hashes))'
const messagesSchema = z.array(z.object({ topic: z.string(), message_id: z.string() }))
const countSchema = z.array(z.object({ found: z.coerce.number() }))

/** The tables of `pipeline.yaml` that name people by hashes, read from their schema files. */
export function hashTables({ tables }: Topology['bigquery']): readonly HashTable[] {
  return Object.entries(tables).flatMap(([name, table]) => {
    const columns = new Set(tableFields(PROJECT_ROOT, table.schema).map((field) => String(field.name)))
    return columns.has('persons') ? [{ name, partitionField: table.partition_field }] : []
  })
}

/**
 * The record of messages, as far as it names one person. Pub/Sub writes the rows by the Storage Write API: they can be
 * deleted at once (https://docs.cloud.google.com/bigquery/docs/data-manipulation-language#limitations).
 */
export class PersonRecord {
  readonly #bigquery: BigQuery
  readonly #dataset: string
  readonly #hashes: readonly string[]

  constructor(bigquery: BigQuery, dataset: string, hashes: readonly LedgerHash[]) {
    this.#bigquery = bigquery
    this.#dataset = dataset
    this.#hashes = hashesOfRecord(hashes)
  }

  async count(table: HashTable): Promise<number> {
    const [row] = countSchema.parse(await this.#query(`SELECT COUNT(*) AS found FROM ${this.#rows(table)}`))
    return row?.found ?? 0
  }

  async read(table: HashTable): Promise<readonly unknown[]> {
    return this.#query(`SELECT * FROM ${this.#rows(table)} ORDER BY ${table.partitionField}`)
  }

  /**
   * Deletes the rows that are about the person, and takes their hashes out of those that are about somebody else.
   *
   * @returns how many rows that were, and the messages that the deleted ones were about, by the ids that stay over replays
   */
  async erase(table: HashTable): Promise<{ readonly rows: number; readonly messages: Removed['messages'] }> {
    const rows = await this.count(table)
    if (rows === 0) return { rows, messages: [] }
    const theirs = `FROM ${this.#rows(table)} AND person IN UNNEST(@hashes)`
    const ids = `SELECT DISTINCT topic, COALESCE(source_message_id, message_id) AS message_id ${theirs}`
    const messages = messagesSchema.parse(await this.#query(`${ids} AND topic IS NOT NULL AND message_id IS NOT NULL`))
    await this.#query(`DELETE ${theirs}`)
    const others = 'ARRAY(SELECT name FROM UNNEST(persons) AS name WHERE name NOT IN UNNEST(@hashes))'
    await this.#query(`UPDATE ${this.#path(table)} SET persons = ${others} WHERE ${this.#isTheirs(table)}`)
    return { rows, messages }
  }

  #rows(table: HashTable): string {
    return `${this.#path(table)} WHERE ${this.#isTheirs(table)}`
  }

  #isTheirs({ partitionField }: HashTable): string {
    return `${partitionField} >= ${BEGINNING} AND ${NAMED}`
  }

  #path({ name }: HashTable): string {
    return `\`${this.#bigquery.projectId}.${this.#dataset}.${name}\``
  }

  async #query(query: string): Promise<readonly unknown[]> {
    if (this.#hashes.length === 0) return query.startsWith('SELECT COUNT') ? [{ found: 0 }] : []
    const [rows] = await this.#bigquery.query({ query, params: { hashes: this.#hashes } })
    return rows
  }
}
