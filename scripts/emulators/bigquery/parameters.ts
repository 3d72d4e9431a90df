import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api'
import { z } from 'zod'
import { invalidQuery } from './errors.ts'
import { parseRow } from './row.ts'
import { fieldsSchema } from './schema.ts'

const scalarValue = z.object({ value: z.union([z.string(), z.number(), z.boolean()]).nullish() })

/** Query parameters as `jobs.query` takes them: scalars, and arrays of scalars. */
export const parametersSchema = z
  .array(
    z.object({
      name: z.string().optional(),
      parameterType: z.object({ type: z.string(), arrayType: z.object({ type: z.string() }).optional() }),
      parameterValue: scalarValue.extend({ arrayValues: z.array(scalarValue).optional() }),
    }),
  )
  .default([])
export type Parameters = z.infer<typeof parametersSchema>

const TYPES: Readonly<Record<string, DuckDBType>> = {
  STRING: VARCHAR,
  JSON: VARCHAR,
  INT64: BIGINT,
  INTEGER: BIGINT,
  FLOAT64: DOUBLE,
  FLOAT: DOUBLE,
  BOOL: BOOLEAN,
  BOOLEAN: BOOLEAN,
  TIMESTAMP,
  DATE,
}

type RunArguments = readonly [
  values: DuckDBValue[] | Record<string, DuckDBValue>,
  types: DuckDBType[] | Record<string, DuckDBType>,
]

/** The parameters as DuckDB's client takes them: by name or, when they have no names, by position. */
export function boundParameters(parameters: Parameters): RunArguments {
  const bound = parameters.map(({ name, parameterType, parameterValue }) => {
    const item = parameterType.arrayType
    if (item === undefined) {
      return { name, value: scalar(parameterValue.value, parameterType.type), type: duckdbType(parameterType.type) }
    }
    const items = (parameterValue.arrayValues ?? []).map(({ value }) => scalar(value, item.type))
    return { name, value: listValue(items), type: LIST(duckdbType(item.type)) }
  })
  if (bound.every(({ name }) => name === undefined))
    return [bound.map(({ value }) => value), bound.map(({ type }) => type)]
  return [
    Object.fromEntries(bound.map(({ name, value }) => [name ?? '', value])),
    Object.fromEntries(bound.map(({ name, type }) => [name ?? '', type])),
  ]
}

function duckdbType(type: string): DuckDBType {
  const found = TYPES[type.toUpperCase()]
  if (found === undefined) throw invalidQuery(`The local BigQuery takes no query parameter of type ${type}`)
  return found
}

/** A parameter's value is read like a column's of the same type. */
function scalar(value: unknown, type: string): DuckDBValue {
  const parsed = parseRow({ value }, fieldsSchema.parse([{ name: 'value', type }]), false)
  if (!parsed.ok) throw invalidQuery(parsed.errors.map(({ message }) => message).join(' '))
  return parsed.values[0] ?? null
}
