import * as z from 'zod'
import { type Clock, TimeoutError, withTimeout } from '../clock/index.ts'
import type { Retry } from '../outcome/index.ts'
import type { InsertAnswer, InsertRows, RowFailure } from './insert.ts'

/** As much of a dataset of BigQuery's client as an insert needs. */
export interface InsertTarget {
  table(name: string): { insert(rows: object[], options: { raw: true; partialRetries: 0 }): Promise<unknown> }
}

export interface BigQueryRowsOptions {
  /** Opened at the first insert. Its client must not retry by itself: Pub/Sub does. */
  readonly dataset: () => Promise<InsertTarget>
  /** How long an insert may take. The client library has no time limit of its own under Node. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/** Inserts rows through the streaming API (`tabledata.insertAll`). */
export function createBigQueryRows({ dataset, timeoutMs, clock }: BigQueryRowsOptions): InsertRows {
  return async (table, rows) => {
    try {
      const target = (await dataset()).table(table)
      const wire = rows.map(({ insertId, json }) => ({ insertId, json }))
      // raw: the client keeps our insert ids. partialRetries: it would send the refused rows again as they are.
      // Whatever still comes of an insert that took too long is not waited for: its rows have insert ids.
      await withTimeout(clock, timeoutMs, target.insert(wire, { raw: true, partialRetries: 0 }))
      return { kind: 'inserted' }
    } catch (error) {
      return answerOfError(error)
    }
  }
}

const rowProblem = z.object({
  reason: z.string().default(''),
  message: z.string().default(''),
  location: z.string().nullish(),
})
const partialFailure = z.object({
  response: z.object({
    insertErrors: z.array(z.object({ index: z.coerce.number(), errors: z.array(rowProblem).default([]) })).min(1),
  }),
})
const apiFailure = z.object({
  code: z.number().int(),
  message: z.string().default(''),
  errors: z.array(z.object({ reason: z.string().optional() })).default([]),
})

/**
 * What an error of the client library says about an insert. https://cloud.google.com/bigquery/docs/error-messages
 * Pure; exported for its test.
 */
export function answerOfError(error: unknown): InsertAnswer {
  if (error instanceof TimeoutError) return failed('transient', `BigQuery gave ${error.message}`)
  const partial = partialFailure.safeParse(error)
  if (partial.success) {
    const failures = partial.data.response.insertErrors.map(({ index, errors }) => [index, rowFailure(errors)] as const)
    return { kind: 'perRow', failures: new Map(failures) }
  }
  const api = apiFailure.safeParse(error)
  if (!api.success) return failed('transient', 'BigQuery could not be reached')
  const { code, message, errors } = api.data
  const reasons = errors.map(({ reason }) => reason)
  if (code === 400 || code === 413) {
    return { kind: 'refusedWhole', outcome: { kind: 'refused', reason: 'refused', error: message, httpStatus: code } }
  }
  const words = `BigQuery: ${code} ${reasons.join(' ')}`.trim()
  const overQuota = reasons.some((reason) => reason === 'quotaExceeded' || reason === 'rateLimitExceeded')
  const passes = code === 408 || code === 429 || code >= 500 || (code === 403 && overQuota)
  return failed(passes ? 'transient' : 'configuration', words, code)
}

function failed(cause: Retry['cause'], error: string, httpStatus?: number): InsertAnswer {
  return { kind: 'failed', outcome: { kind: 'retry', cause, error, ...(httpStatus !== undefined && { httpStatus }) } }
}

/** A table that lacks a column of ours, or wants one that we do not have, is not the fault of a row. */
const OTHER_SCHEMA = /^(no such field|missing required)/i

function rowFailure(problems: readonly z.infer<typeof rowProblem>[]): RowFailure {
  const schema = problems.filter(({ reason, message }) => reason === 'invalid' && OTHER_SCHEMA.test(message))
  if (schema.length > 0) {
    const named = schema.map(({ message }) => message).join(' ')
    return { kind: 'retry', cause: 'configuration', error: `the table has another schema: ${named}` }
  }
  const invalid = problems.filter(({ reason }) => reason === 'invalid')
  const described = invalid.map(({ location, message }) => (location ? `${location}: ${message}` : message)).join('; ')
  if (invalid.length > 0) return { kind: 'refused', reason: 'refused', error: described }
  if (problems.some(({ reason }) => reason === 'stopped')) return { kind: 'stopped' }
  const reasons = problems.map(({ reason }) => reason).join(' ')
  return { kind: 'retry', cause: 'transient', error: `BigQuery did not take the row: ${reasons}` }
}
