import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { z } from 'zod'

/** A moment as the wire has it; 64-bit numbers are strings. */
export const timestampSchema = z.object({ seconds: z.string().default('0'), nanos: z.number().default(0) })
export type WireTimestamp = z.infer<typeof timestampSchema>

/** Values are kept as they came: only their equality, and that of a list's entries, matters here. */
const valueSchema = z.record(z.string(), z.unknown())
const fieldsSchema = z.record(z.string(), valueSchema)
export type Fields = z.infer<typeof fieldsSchema>
export type Value = z.infer<typeof valueSchema>
const listSchema = z.object({ arrayValue: z.object({ values: z.array(valueSchema).default([]) }) })

/** The entries of a value that is a list. */
export function entriesOf(value: Value | undefined): readonly Value[] {
  const list = listSchema.safeParse(value)
  return list.success ? list.data.arrayValue.values : []
}

const writeSchema = z.object({
  update: z.object({ name: z.string(), fields: fieldsSchema.default({}) }).optional(),
  delete: z.string().optional(),
  updateMask: z.object({ fieldPaths: z.array(z.string()).default([]) }).nullish(),
  updateTransforms: z
    .array(z.object({ fieldPath: z.string(), setToServerValue: z.literal('REQUEST_TIME') }))
    .default([]),
  currentDocument: z.object({ exists: z.boolean().optional(), updateTime: timestampSchema.optional() }).nullish(),
})
export type Write = z.infer<typeof writeSchema>

export const commitSchema = z.object({ database: z.string(), writes: z.array(writeSchema).default([]) })

export const batchGetSchema = z.object({
  documents: z.array(z.string()).default([]),
  newTransaction: z.undefined({ error: 'no transactions here' }).optional(),
})

const fieldFilterSchema = z.object({
  field: z.object({ fieldPath: z.string() }),
  op: z.enum(['EQUAL', 'ARRAY_CONTAINS', 'NOT_IN']),
  value: valueSchema,
})
const filterSchema = z.union([
  z.object({ fieldFilter: fieldFilterSchema }).transform(({ fieldFilter }) => [fieldFilter]),
  z
    .object({
      compositeFilter: z.object({
        op: z.literal('AND'),
        filters: z.array(z.object({ fieldFilter: fieldFilterSchema })),
      }),
    })
    .transform(({ compositeFilter }) => compositeFilter.filters.map(({ fieldFilter }) => fieldFilter)),
])
export const runQuerySchema = z.object({
  parent: z.string(),
  structuredQuery: z.object({
    from: z.tuple([z.object({ collectionId: z.string() })]),
    where: filterSchema.nullish().transform((filters) => filters ?? []),
    orderBy: z
      .array(z.object({ field: z.object({ fieldPath: z.literal('__name__') }), direction: z.literal('ASCENDING') }))
      .default([]),
    limit: z.object({ value: z.number() }).nullish(),
  }),
})
export type RunQuery = z.infer<typeof runQuerySchema>

/** The service as the client's own package describes it. */
export function firestoreService(): ServiceDefinition {
  const client = createRequire(join(import.meta.dirname, 'protocol.ts')).resolve('@google-cloud/firestore')
  const protos: unknown = JSON.parse(readFileSync(join(dirname(client), '../protos/v1.json'), 'utf8'))
  // Numbers of 64 bits and bytes as strings: everything that is stored can be written to a file as JSON.
  const definition = fromJSON(z.record(z.string(), z.unknown()).parse(protos), {
    longs: String,
    bytes: String,
    enums: String,
  })['google.firestore.v1.Firestore']
  if (definition === undefined || 'format' in definition) throw new Error('the client ships no Firestore service')
  return definition
}
