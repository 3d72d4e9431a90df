import * as z from 'zod'
import type { MappedColumn, Mapping } from '../mapping.ts'
import type { User, UserKey } from '../store.ts'
import type { PostgresQueries } from './pool.ts'
import { sqlState } from './transaction.ts'

/** The SQL fragments of one mapping. Only mapped columns are ever named: a denied one cannot even be read. */
export interface UserSql {
  readonly table: string
  readonly id: string
  readonly email: string
  /** The id and the address, ready for `readKey`. */
  readonly key: string
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
    // As text, and not as jsonb, which has no NUL: one such value must not fail the query of all others.
    json: `to_json(${value})::text`,
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
  const key = `${id}::text AS user_id, ${email}::text AS email`
  return { table, id, email, key, columns: `${key}${mapping.columns.map(valueSql).join('')}` }
}

const userRow = z.looseObject({ user_id: z.string(), email: z.string().nullable() })

/** A row of `UserSql.columns` as a user. */
export function readUser(mapping: Mapping, row: unknown): User {
  const { user_id, email, ...rest } = userRow.parse(row)
  const values = mapping.columns.map(({ attribute, type }, index) => {
    const value = rest[valueName(index)]
    return [attribute, type === 'json' && typeof value === 'string' ? JSON.parse(value) : value]
  })
  return { id: user_id, email, values: Object.fromEntries(values) }
}

/** A row of `UserSql.key` as a key. */
export function readKey(row: unknown): UserKey {
  const { user_id: id, email } = userRow.parse(row)
  return { id, email }
}

/** The text cannot be a key of this table: not a number, not a UUID, out of range, or with a NUL. */
const NO_SUCH_KEY = new Set(['22P02', '22003', '22P03', '22021', '22007', '22008'])

/**
 * How the database writes a key. The subquery has no row, so that nothing of the table is computed, and only gives its
 * type: an error here is about the text, and never about a row.
 */
export async function spellKey(
  client: PostgresQueries,
  { table, id }: UserSql,
  userId: string,
): Promise<string | undefined> {
  try {
    const { rows } = await client.query(`SELECT coalesce($1, (SELECT ${id} FROM ${table} LIMIT 0))::text AS key`, [
      userId,
    ])
    return spelledRow.parse(rows[0]).key ?? undefined
  } catch (error) {
    if (NO_SUCH_KEY.has(sqlState(error) ?? '')) return undefined
    throw error
  }
}

const spelledRow = z.object({ key: z.string().nullable() })

/** True for an error that is about the values of a row and not about the query. */
export function isDataError(error: unknown): error is Error {
  return sqlState(error)?.startsWith('22') ?? false
}
