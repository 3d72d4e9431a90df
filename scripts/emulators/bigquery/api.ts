import { z } from 'zod'
import { ApiError, notFound } from './errors.ts'
import { type Misbehaviour, refusalOf } from './misbehaviour.ts'
import { parametersSchema } from './parameters.ts'
import type { Job, Queries } from './query.ts'
import { describeTable, type Storage, storedTable, type TableBody } from './storage.ts'
import type { Streaming } from './streaming.ts'

export interface ApiRequest {
  readonly method: string
  /** Below the project, such as `/datasets/d/tables`; decoded. */
  readonly path: readonly string[]
  readonly project: string
  readonly query: URLSearchParams
  readonly body: unknown
}

export interface Backend {
  readonly storage: Storage
  readonly queries: Queries
  readonly streaming: Streaming
  readonly misbehaviour: () => Misbehaviour | undefined
}

const LOCATION = 'US'
const PAGE_ROWS = 50_000

const datasetRequest = z.object({ datasetReference: z.object({ datasetId: z.string() }) })
const queryRequest = z.object({
  query: z.string(),
  useLegacySql: z.boolean().default(false),
  queryParameters: parametersSchema,
  maxResults: z.coerce.number().int().min(0).optional(),
})
const jobRequest = z.object({
  jobReference: z.object({ jobId: z.string() }).optional(),
  configuration: z.object({ query: queryRequest, dryRun: z.boolean().default(false) }),
})

/** The part of BigQuery's REST API v2 that the client library uses for datasets, tables, views, rows and queries. */
export async function answer(request: ApiRequest, backend: Backend): Promise<unknown> {
  const { method, path, body } = request
  const [collection, id, inner, table, rows] = path
  const route = `${method} ${[collection, id && '*', inner, table && '*', rows].filter((part) => part !== undefined).join('/')}`
  const name = { dataset: id ?? '', table: table ?? '' }
  const { storage, queries } = backend
  switch (route) {
    case 'GET datasets':
      return {
        kind: 'bigquery#datasetList',
        datasets: storage.datasets().map((dataset) => datasetResource(request, dataset)),
      }
    case 'POST datasets': {
      const { datasetId } = parsed(datasetRequest, body).datasetReference
      await storage.createDataset(datasetId)
      return datasetResource(request, datasetId)
    }
    case 'GET datasets/*':
      storage.tables(name.dataset)
      return datasetResource(request, name.dataset)
    case 'DELETE datasets/*':
      if (request.query.get('deleteContents') === 'true') {
        for (const { tableReference } of storage.tables(name.dataset)) {
          await storage.deleteTable({ dataset: name.dataset, table: tableReference.tableId })
        }
      }
      return await storage.deleteDataset(name.dataset)
    case 'GET datasets/*/tables':
      return {
        kind: 'bigquery#tableList',
        tables: storage.tables(name.dataset).map((each) => tableResource(request, name.dataset, each)),
        totalItems: storage.tables(name.dataset).length,
      }
    case 'POST datasets/*/tables':
      return tableResource(request, name.dataset, await storage.createTable(name.dataset, body))
    case 'GET datasets/*/tables/*': {
      const found = storage.table(name)
      return {
        ...tableResource(request, name.dataset, found),
        ...(await streamingBuffer(found, name.dataset, queries)),
      }
    }
    case 'PATCH datasets/*/tables/*':
    case 'PUT datasets/*/tables/*':
      return tableResource(request, name.dataset, await storage.updateView(name, body))
    case 'DELETE datasets/*/tables/*':
      return await storage.deleteTable(name)
    case 'POST datasets/*/routines':
      return await storage.putRoutine(name.dataset, body, false)
    case 'GET datasets/*/routines/*':
      return storage.routine(name)
    case 'PUT datasets/*/routines/*':
      return await storage.putRoutine(name.dataset, body, true)
    case 'POST datasets/*/tables/*/insertAll':
      return await insertAll(request, backend, name)
    case 'GET datasets/*/tables/*/data': {
      storage.table(name)
      const job = await queries.run(`SELECT * FROM \`${name.dataset}.${name.table}\``, [])
      return page(request, job, request.query)
    }
    case 'POST queries': {
      const asked = parsed(queryRequest, body)
      const job = await runQuery(asked, queries)
      const query = new URLSearchParams(asked.maxResults === undefined ? {} : { maxResults: String(asked.maxResults) })
      return { kind: 'bigquery#queryResponse', ...page(request, job, query) }
    }
    case 'GET queries/*':
      return { kind: 'bigquery#getQueryResultsResponse', ...page(request, queries.job(name.dataset), request.query) }
    case 'POST jobs': {
      const asked = parsed(jobRequest, body)
      if (asked.configuration.dryRun) {
        const { query, queryParameters } = asked.configuration.query
        const totalBytesProcessed = String(await queries.dryRun(query, queryParameters))
        const reference = { projectId: request.project, jobId: asked.jobReference?.jobId ?? '', location: LOCATION }
        return {
          kind: 'bigquery#job',
          jobReference: reference,
          status: { state: 'DONE' },
          statistics: { totalBytesProcessed },
        }
      }
      return jobResource(request, await runQuery(asked.configuration.query, queries, asked.jobReference?.jobId))
    }
    case 'GET jobs/*':
      return jobResource(request, queries.job(name.dataset))
    default:
      throw notFound(`the local BigQuery has no ${route}`)
  }
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (!result.success) throw new ApiError(400, 'invalid', z.prettifyError(result.error))
  return result.data
}

async function runQuery(asked: z.infer<typeof queryRequest>, queries: Queries, id?: string): Promise<Job> {
  if (asked.useLegacySql) throw new ApiError(400, 'invalid', 'The local BigQuery does not run legacy SQL')
  return await queries.run(asked.query, asked.queryParameters, id)
}

async function insertAll(
  request: ApiRequest,
  backend: Backend,
  name: { dataset: string; table: string },
): Promise<unknown> {
  const insertErrors = await backend.streaming.insertAll(name, request.body, refusalOf(backend.misbehaviour()))
  const kind = 'bigquery#tableDataInsertAllResponse'
  return insertErrors.length === 0 ? { kind } : { kind, insertErrors }
}

function datasetResource({ project }: ApiRequest, datasetId: string): Record<string, unknown> {
  return {
    kind: 'bigquery#dataset',
    id: `${project}:${datasetId}`,
    datasetReference: { projectId: project, datasetId },
    location: LOCATION,
  }
}

function tableResource({ project }: ApiRequest, datasetId: string, body: TableBody): Record<string, unknown> {
  const { tableId } = body.tableReference
  return {
    kind: 'bigquery#table',
    ...describeTable(body),
    id: `${project}:${datasetId}.${tableId}`,
    tableReference: { projectId: project, datasetId, tableId },
    type: body.view === undefined ? 'TABLE' : 'VIEW',
    location: LOCATION,
  }
}

async function streamingBuffer(body: TableBody, dataset: string, queries: Queries): Promise<Record<string, unknown>> {
  if (body.view !== undefined) return {}
  const { rows, oldestMs } = await queries.buffered(storedTable({ dataset, table: body.tableReference.tableId }))
  return rows === 0 ? {} : { streamingBuffer: { estimatedRows: String(rows), oldestEntryTime: String(oldestMs) } }
}

function jobReference(project: string, job: Job): Record<string, string> {
  return { projectId: project, jobId: job.id, location: LOCATION }
}

function jobResource({ project }: ApiRequest, job: Job): Record<string, unknown> {
  return {
    kind: 'bigquery#job',
    id: `${project}:${LOCATION}.${job.id}`,
    jobReference: jobReference(project, job),
    configuration: { jobType: 'QUERY', query: { query: job.sql, useLegacySql: false } },
    status: { state: 'DONE' },
    statistics: {
      query: {
        statementType: job.statementType,
        ...(job.affectedRows === undefined ? {} : { numDmlAffectedRows: String(job.affectedRows) }),
      },
    },
  }
}

/** The rows that `maxResults`, `startIndex` and `pageToken` ask for; the token is the index of the next row. */
function page({ project }: ApiRequest, job: Job, query: URLSearchParams): Record<string, unknown> {
  const start = Number(query.get('pageToken') ?? query.get('startIndex') ?? 0)
  const end = start + Number(query.get('maxResults') ?? PAGE_ROWS)
  return {
    jobReference: jobReference(project, job),
    jobComplete: true,
    totalRows: String(job.rows.length),
    cacheHit: false,
    ...(job.affectedRows === undefined
      ? { schema: { fields: job.fields }, rows: job.rows.slice(start, end) }
      : { numDmlAffectedRows: String(job.affectedRows) }),
    ...(end < job.rows.length ? { pageToken: String(end) } : {}),
  }
}
