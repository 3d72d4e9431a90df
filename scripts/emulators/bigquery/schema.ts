import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DOUBLE,
  type DuckDBType,
  LIST,
  STRUCT,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api'
import { z } from 'zod'

/** The column types that are offered. BigQuery's older names for the same types are taken too. */
const TYPE_NAMES = {
  STRING: 'STRING',
  BYTES: 'BYTES',
  INTEGER: 'INTEGER',
  INT64: 'INTEGER',
  FLOAT: 'FLOAT',
  FLOAT64: 'FLOAT',
  BOOLEAN: 'BOOLEAN',
  BOOL: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMP',
  DATE: 'DATE',
  JSON: 'JSON',
  RECORD: 'RECORD',
  STRUCT: 'RECORD',
} as const

export type FieldType = (typeof TYPE_NAMES)[keyof typeof TYPE_NAMES]

/** One column, or one field of a RECORD. */
export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  readonly description?: string | undefined
  /** Of a RECORD; empty otherwise. */
  readonly fields: readonly Field[]
}

const typeName = z
  .string()
  .toUpperCase()
  .pipe(z.enum(Object.keys(TYPE_NAMES) as [keyof typeof TYPE_NAMES]))
  .transform((name) => TYPE_NAMES[name])

const fieldSchema: z.ZodType<Field> = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,299}$/),
  type: typeName,
  mode: z.enum(['NULLABLE', 'REQUIRED', 'REPEATED']).default('NULLABLE'),
  description: z.string().max(1024).optional(),
  get fields() {
    return z.array(fieldSchema).default([])
  },
})

/** A table's columns as BigQuery's REST API and `terraform/tables/*.json` write them. */
export const fieldsSchema: z.ZodType<readonly Field[]> = z.array(fieldSchema).min(1)

const SQL_TYPES: Readonly<Record<Exclude<FieldType, 'RECORD'>, string>> = {
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMP', // of UTC: BigQuery's timestamps have no time zone of their own
  DATE: 'DATE',
  JSON: 'JSON',
}

const DUCKDB_TYPES: Readonly<Record<Exclude<FieldType, 'RECORD'>, DuckDBType>> = {
  STRING: VARCHAR,
  BYTES: BLOB,
  INTEGER: BIGINT,
  FLOAT: DOUBLE,
  BOOLEAN: BOOLEAN,
  TIMESTAMP,
  DATE,
  JSON: VARCHAR,
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The type of a column in DuckDB's SQL. */
export function sqlType(field: Field): string {
  const single =
    field.type === 'RECORD'
      ? `STRUCT(${field.fields.map((child) => `${quoted(child.name)} ${sqlType(child)}`).join(', ')})`
      : SQL_TYPES[field.type]
  return field.mode === 'REPEATED' ? `${single}[]` : single
}

/** The same type for DuckDB's appender. */
export function duckdbType(field: Field): DuckDBType {
  const single =
    field.type === 'RECORD'
      ? STRUCT(Object.fromEntries(field.fields.map((child) => [child.name, duckdbType(child)])))
      : DUCKDB_TYPES[field.type]
  return field.mode === 'REPEATED' ? LIST(single) : single
}

/** A column as a table's resource shows it: a RECORD has `fields`, nothing else does. */
export function describeField({ name, type, mode, description, fields }: Field): Record<string, unknown> {
  return {
    name,
    type,
    mode,
    ...(description === undefined ? {} : { description }),
    ...(type === 'RECORD' ? { fields: fields.map(describeField) } : {}),
  }
}
