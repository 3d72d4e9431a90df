import * as z from 'zod'
import type { MappedColumn, Mapping } from '../mapping.ts'
import type { User } from '../store.ts'
import type { PostgresQueries } from './pool.ts'

/** The SQL fragments of one mapping. Only mapped columns are ever named: a denied one cannot even be read. */
export interface UserSql {
  readonly table: string
  readonly id: string
  readonly email: string
  /** The id, the address and the mapped values, ready for `readUser`. */
  readonly columns: string
}

/** A name in quotes, so that any name is safe. */
const escapeIdentifier = (name: string) => `"${name.replaceAll('"', '""')}"`
const quoted = (name: string) => `u.${escapeIdentifier(name)}`
/** By its place: PostgreSQL cuts names at 63 bytes, and an attribute's may have 150. */
const valueName = (index: number) => `value ${index}`

function valueSql({ column, type }: MappedColumn, index: number): string {
  const value = quoted(column)
  const sql = {
    string: `${value}::text`,
    number: `${value}::text`,
    boolean: value,
    // By the database, since the driver would read a timestamp without time zone in the zone of this process.
    // As text: `infinity` is a timestamp too, and one such row must not fail the query of all others.
    timestamp: `floor(extract(epoch from ${value}))::text`,
    json: `to_jsonb(${value})`,
  }[type]
  return `, ${sql} AS ${escapeIdentifier(valueName(index))}`
}

/**
 * The users table with the mapped columns and no others. By itself `u.to_jsonb` would be a function of the whole row
 * where there is no such column, and a bare name the whole row where the table is called so: either would carry a denied
 * column out. Here both are an error.
 */
function tableSql({ table, id, email, columns }: Mapping): string {
  const names = [...new Set([id, ...(email === undefined ? [] : [email]), ...columns.map(({ column }) => column)])]
  let alias = 'users'
  while (names.includes(alias)) alias += '_'
  const path = table.split('.').map(escapeIdentifier).join('.')
  return `(SELECT ${names.map(escapeIdentifier).join(', ')} FROM ${path} AS ${alias}) u`
}

/** Builds the fragments; names are quoted, so any column name is safe. */
export function userSql(mapping: Mapping): UserSql {
  const id = quoted(mapping.id)
  const email = mapping.email === undefined ? 'NULL' : quoted(mapping.email)
  const table = tableSql(mapping)
  const columns = `${id}::text AS user_id, ${email}::text AS email${mapping.columns.map(valueSql).join('')}`
  return { table, id, email, columns }
}

const userRow = z.looseObject({ user_id: z.string(), email: z.string().nullable() })

/** A row of `UserSql.columns` as a user. */
export function readUser(mapping: Mapping, row: unknown): User {
  const { user_id, email, ...rest } = userRow.parse(row)
  const values = Object.fromEntries(mapping.columns.map(({ attribute }, index) => [attribute, rest[valueName(index)]]))
  return { id: user_id, email, values }
}

/** The text cannot be a key of this table: not a number, not a UUID, out of range. Then no such user exists. */
const NO_SUCH_KEY = new Set(['22P02', '22003', '22P03', '22021'])

/** Runs a query by a user's id as text, compared in the column's own type so that its index serves. */
export async function queryById(
  client: PostgresQueries,
  sql: string,
  values: readonly unknown[],
): Promise<readonly unknown[]> {
  try {
    return (await client.query(sql, [...values])).rows
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_SUCH_KEY.has(String(error.code))) return []
    throw error
  }
}
