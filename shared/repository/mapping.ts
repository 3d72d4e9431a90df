import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import * as z from 'zod'
import { isOwnedAttribute } from './preferences.ts'

/** How a column becomes an attribute. `timestamp` is sent as unix seconds, which is what Customer.io calls a date. */
export const COLUMN_TYPES = ['string', 'number', 'boolean', 'timestamp', 'json'] as const
export type ColumnType = (typeof COLUMN_TYPES)[number]

export interface MappedColumn {
  readonly attribute: string
  readonly column: string
  readonly type: ColumnType
}

/** Which columns of which table go to Customer.io under which names. */
export interface Mapping {
  /** Table or view, perhaps with its schema: `public.users`. */
  readonly table: string
  /** Column of the person's id at Customer.io; unique, not null, indexed. */
  readonly id: string
  /** Column of the e-mail address, or undefined. */
  readonly email: string | undefined
  readonly columns: readonly MappedColumn[]
}

/** The mapping file is wrong. `problems` names each place, without any data. */
export class MappingError extends Error {
  override readonly name = 'MappingError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`the mapping is wrong:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** A value of a row does not fit the type that the mapping gives it. Names the attribute, never the value. */
export class ColumnValueError extends Error {
  override readonly name = 'ColumnValueError'
  readonly attribute: string
  constructor(attribute: string, type: ColumnType) {
    super(`the value for attribute ${attribute} is no ${type}`)
    this.attribute = attribute
  }
}

const identifier = z.string().min(1).max(63)
const columnType = z.enum(COLUMN_TYPES)

const mappingFile = z.strictObject({
  table: z.string().regex(/^[^.]+(\.[^.]+)?$/, { error: 'must be table or schema.table' }),
  id: identifier.default('id'),
  email: identifier.nullable().default('email'),
  /** Columns that may never leave the database, whatever anybody maps later. */
  never: z.array(identifier),
  attributes: z.record(
    z.string().min(1),
    z.union([columnType, z.strictObject({ column: identifier.optional(), type: columnType })]),
  ),
})

function problemsOf(file: z.infer<typeof mappingFile>, columns: readonly MappedColumn[]): string[] {
  // Case-blind on purpose: a column that differs from a denied one in case only is more likely a slip than another column.
  const denied = new Set(file.never.map((column) => column.toLowerCase()))
  const problems: string[] = []
  const check = (column: string, where: string) => {
    if (denied.has(column.toLowerCase())) problems.push(`${where}: column ${column} is on the list never`)
  }
  check(file.id, 'id')
  if (file.email !== null) check(file.email, 'email')
  for (const { attribute, column } of columns) {
    check(column, `attributes.${attribute}`)
    if (isOwnedAttribute(attribute)) problems.push(`attributes.${attribute}: belongs to the preferences`)
    if (['id', 'email', 'cio_id'].includes(attribute)) {
      problems.push(`attributes.${attribute}: is an identifier; name its column with id or email at the top`)
    }
  }
  return problems
}

/**
 * Reads a mapping from JSON or YAML text.
 *
 * @throws {MappingError} with every problem: unknown keys and types, and any column of the list `never` that is mapped.
 */
export function parseMapping(text: string): Mapping {
  let document: unknown
  try {
    document = parse(text)
  } catch (cause) {
    throw new MappingError([`not YAML: ${cause instanceof Error ? cause.message.split('\n')[0] : 'unreadable'}`])
  }
  const parsed = mappingFile.safeParse(document)
  if (!parsed.success) {
    throw new MappingError(parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`))
  }
  const file = parsed.data
  const columns = Object.entries(file.attributes).map(([attribute, to]) =>
    typeof to === 'string'
      ? { attribute, column: attribute, type: to }
      : { attribute, column: to.column ?? attribute, type: to.type },
  )
  const problems = problemsOf(file, columns)
  if (problems.length > 0) throw new MappingError(problems)
  return { table: file.table, id: file.id, email: file.email ?? undefined, columns }
}

/** `parseMapping` of a file. */
export function readMapping(path: string): Mapping {
  return parseMapping(readFileSync(path, 'utf8'))
}

function convert({ attribute, type }: MappedColumn, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (type) {
    case 'string':
      return String(value)
    case 'boolean':
      if (typeof value === 'boolean') return value
      throw new ColumnValueError(attribute, type)
    case 'number':
    case 'timestamp': {
      // PostgreSQL hands bigint and numeric over as text, since they may not fit.
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
      if (typeof number !== 'number' || !Number.isFinite(number)) throw new ColumnValueError(attribute, type)
      return type === 'timestamp' ? Math.floor(number) : number
    }
    case 'json':
      return value
  }
}

/**
 * The attributes of a row. A null stays null, which removes the attribute at Customer.io: leaving it out would keep the
 * old value there. Columns that are not mapped do not appear, whatever the row holds.
 *
 * @param values the row's values by column; timestamps in unix seconds
 * @throws {ColumnValueError}
 */
export function toAttributes(
  mapping: Mapping,
  email: string | null,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const attributes: Record<string, unknown> = {}
  if (mapping.email !== undefined) attributes.email = email
  for (const column of mapping.columns) attributes[column.attribute] = convert(column, values[column.attribute])
  return attributes
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}

/** SHA-256 in hex of attributes, the same for the same content whatever the order of their keys. */
export function contentHash(attributes: Readonly<Record<string, unknown>>): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(attributes)))
    .digest('hex')
}
