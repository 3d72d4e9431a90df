import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Where the results that are shown stand, in the order of the table. */
export const RESULTS = join(import.meta.dirname, 'results')
export const FIGURE_NAMES = [
  'throughput',
  'idle-latency',
  'cpu',
  'webhook',
  'warehouse',
  'cold-start',
  'memory',
  'growth',
  'record',
  'urgent',
  'end-to-end',
  'drain',
] as const
export type FigureName = (typeof FIGURE_NAMES)[number]

const spread = z.object({ median: z.number(), least: z.number(), most: z.number(), rounds: z.number() })
const rowSchema = z.object({
  figure: z.string(),
  against: z.string(),
  target: z.union([z.object({ atLeast: z.number() }), z.object({ atMost: z.number() }), z.literal('none')]),
  value: spread,
  unit: z.enum(['×', 'messages', 'rows', 'ms']),
  met: z.boolean(),
  inNumbers: z.string(),
})
export type StoredRow = z.infer<typeof rowSchema>

const resultSchema = z.object({
  name: z.enum(FIGURE_NAMES),
  measuredAt: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGiB: z.number(),
    kernel: z.string(),
    node: z.string(),
    versions: z.record(z.string(), z.string()),
    commit: z.string(),
  }),
  rows: z.array(rowSchema),
  /** As each figure measures them. */
  rounds: z.array(z.unknown()),
  rejected: z.array(z.string()),
  /** True: no round was undisturbed. */
  disturbed: z.boolean(),
})
export type StoredResult = z.infer<typeof resultSchema>

export function storeResult(folder: string, result: StoredResult): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${result.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

/** Every result that is there, in the order of the table. */
export function readResults(folder: string = RESULTS): StoredResult[] {
  return FIGURE_NAMES.flatMap((name) => {
    let text: string
    try {
      text = readFileSync(join(folder, `${name}.json`), 'utf8')
    } catch {
      return []
    }
    return [resultSchema.parse(JSON.parse(text))]
  })
}
