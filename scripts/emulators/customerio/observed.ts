import { readFileSync, writeFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { z } from 'zod'

const seconds = z.number().nonnegative()

/**
 * What a workspace of Customer.io was seen to do where the documents are silent. What was not observed is left out, and the
 * local Customer.io keeps its own choice there.
 */
export const observedSchema = z.strictObject({
  /** ISO 8601. */
  observed_at: z.string(),
  /** Which workspace, in words. */
  workspace: z.string(),
  event_ids: z
    .strictObject({
      /** A repeated ULID was ignored after this. */
      ulid_ignored_after_seconds: z.array(seconds).optional(),
      /** A repeated ULID was counted again after this. */
      ulid_counted_after_seconds: z.array(seconds).optional(),
      /** What became of a repeated id that is no ULID. */
      other_ids: z.enum(['ignored', 'counted']).optional(),
    })
    .optional(),
  batch: z
    .strictObject({
      /** The most operations that were accepted in one batch. */
      items_accepted: z.number().int().positive().optional(),
      /** The least that were refused. */
      items_refused: z.number().int().positive().optional(),
    })
    .optional(),
  /** A batch with one bad operation among good ones. */
  partly_bad_batch: z
    .strictObject({
      status: z.number().int(),
      /** Whether each error names its operation by `batch_index`. */
      names_items: z.boolean(),
      good_items_applied: z.boolean(),
    })
    .optional(),
  /** A 429 of the App API. */
  throttling: z
    .strictObject({
      requests_until_429: z.number().int().positive(),
      retry_after_seconds: seconds.nullable(),
    })
    .optional(),
  /** `fresh`: a webhook that is sent again is signed again. `first`: it carries the first time and signature. */
  webhook_retry_signature: z.enum(['fresh', 'first']).optional(),
  delivery_list_delay_seconds: seconds.optional(),
  /** What a send of a template that is not there is answered. */
  unknown_template_status: z.number().int().optional(),
  /** Bytes of a kB in the limit of one operation. */
  kilobyte: z.union([z.literal(1_000), z.literal(1_024)]).optional(),
})

export type Observed = z.infer<typeof observedSchema>

/** @throws when the file is not there, or is no record of observations: the message names the field */
export function readObserved(file: string): Observed {
  const parsed = observedSchema.safeParse(parse(readFileSync(file, 'utf8')))
  if (parsed.success) return parsed.data
  throw new Error(`${file}: ${z.prettifyError(parsed.error)}`)
}

const HEADER = `# What a workspace of Customer.io did where its documents are silent. Written by \`npm run conformance\`, read by the local
# Customer.io (\`npm start -- --observed FILE\`).
`

export function writeObserved(file: string, observed: Observed): void {
  writeFileSync(file, HEADER + stringify(observedSchema.parse(observed)))
}

/** How the local Customer.io behaves where the documents are silent. */
export interface Behaviour {
  /** How long an event's id is known; undefined for good. */
  readonly eventIdWindowMs: number | undefined
  /** Whether an id that is no ULID de-duplicates too. */
  readonly knowsOtherIds: boolean
  /** Operations of one batch; undefined for any number. */
  readonly batchItems: number | undefined
  readonly partlyBad: { readonly status: number; readonly namesItems: boolean; readonly appliesGood: boolean }
  /** Of a 429; undefined: it has no such header. */
  readonly retryAfterSeconds: number | undefined
  readonly unknownTemplateStatus: number
  readonly kilobyte: 1_000 | 1_024
}

/** As it was observed, and otherwise so that a mistake shows rather than hides. Pure. */
export function behaviourOf(observed: Partial<Observed> = {}): Behaviour {
  const { event_ids: ids, batch, partly_bad_batch: partly, throttling } = observed
  const isBounded = (ids?.ulid_counted_after_seconds?.length ?? 0) > 0
  return {
    eventIdWindowMs: isBounded ? Math.max(0, ...(ids?.ulid_ignored_after_seconds ?? [])) * 1_000 : undefined,
    knowsOtherIds: ids?.other_ids === 'ignored',
    batchItems: batch?.items_refused === undefined ? undefined : (batch.items_accepted ?? batch.items_refused - 1),
    partlyBad: {
      status: partly?.status ?? 207,
      namesItems: partly?.names_items ?? true,
      appliesGood: partly?.good_items_applied ?? true,
    },
    retryAfterSeconds: throttling === undefined ? 1 : (throttling.retry_after_seconds ?? undefined),
    unknownTemplateStatus: observed.unknown_template_status ?? 404,
    kilobyte: observed.kilobyte ?? 1_000,
  }
}
