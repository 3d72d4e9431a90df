import {
  BIGINT,
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api'
import { invalidQuery } from './errors.ts'
import type { FieldType } from './schema.ts'

/** A column of a result, as BigQuery's REST API describes it. */
export interface ResultField {
  readonly name: string
  readonly type: FieldType | 'NUMERIC'
  readonly mode: 'NULLABLE' | 'REPEATED'
  readonly fields?: readonly ResultField[]
}

const SCALAR_TYPES: ReadonlyMap<DuckDBTypeId, ResultField['type']> = new Map([
  [DuckDBTypeId.BOOLEAN, 'BOOLEAN'],
  [DuckDBTypeId.INTEGER, 'INTEGER'],
  [DuckDBTypeId.BIGINT, 'INTEGER'],
  [DuckDBTypeId.HUGEINT, 'INTEGER'],
  [DuckDBTypeId.FLOAT, 'FLOAT'],
  [DuckDBTypeId.DOUBLE, 'FLOAT'],
  [DuckDBTypeId.DECIMAL, 'NUMERIC'],
  [DuckDBTypeId.VARCHAR, 'STRING'],
  [DuckDBTypeId.SQLNULL, 'STRING'],
  [DuckDBTypeId.BLOB, 'BYTES'],
  [DuckDBTypeId.TIMESTAMP, 'TIMESTAMP'],
  [DuckDBTypeId.DATE, 'DATE'],
])

/** Describes a result's column by its type in DuckDB. */
export function resultField(name: string, type: DuckDBType): ResultField {
  if (type.typeId === DuckDBTypeId.LIST) {
    return { ...resultField(name, 'valueType' in type ? type.valueType : BIGINT), mode: 'REPEATED' }
  }
  if (type.typeId === DuckDBTypeId.STRUCT && 'entryNames' in type) {
    const fields = type.entryNames.map((entry, index) => resultField(entry, type.entryTypes[index] ?? BIGINT))
    return { name, type: 'RECORD', mode: 'NULLABLE', fields }
  }
  if (type.alias === 'JSON') return { name, type: 'JSON', mode: 'NULLABLE' }
  const scalar = SCALAR_TYPES.get(type.typeId)
  if (scalar === undefined) throw invalidQuery(`The local BigQuery returns no column of type ${type} (${name})`)
  return { name, type: scalar, mode: 'NULLABLE' }
}

export type Cell = { readonly v: unknown }

/** A value as BigQuery's REST API writes it: strings for all scalars, `{f: [{v}]}` for records, timestamps in microseconds. */
export function encode(value: DuckDBValue): unknown {
  if (value === null) return null
  if (value instanceof DuckDBListValue) return value.items.map((item): Cell => ({ v: encode(item) }))
  if (value instanceof DuckDBStructValue) {
    return { f: Object.values(value.entries).map((entry): Cell => ({ v: encode(entry) })) }
  }
  if (value instanceof DuckDBTimestampValue) return String(value.micros)
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64')
  return String(value)
}

export const encodeRow = (row: readonly DuckDBValue[]): { readonly f: readonly Cell[] } => ({
  f: row.map((value) => ({ v: encode(value) })),
})
