import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { MODULE } from '../hcl.ts'

/** What Terraform plans for Cloud Monitoring in prod, as environments.tftest.hcl holds it against the plan. */

const threshold = z.strictObject({
  filter: z.string(),
  denominator: z.string().optional(),
  above: z.number(),
  duration: z.string(),
  missing: z.string().nullable(),
  aggregation: z
    .strictObject({
      aligner: z.enum(['ALIGN_DELTA', 'ALIGN_MAX']),
      reducer: z.enum(['REDUCE_SUM', 'REDUCE_MAX']),
      group_by: z.array(z.string()),
      period: z.string(),
    })
    .optional(),
})

const condition = z.strictObject({
  threshold: threshold.optional(),
  log: z.strictObject({ filter: z.string(), labels: z.record(z.string(), z.string()) }).optional(),
  promql: z.strictObject({ query: z.string() }).optional(),
})

const alert = z.strictObject({
  severity: z.enum(['WARNING', 'ERROR', 'CRITICAL']),
  combiner: z.enum(['AND', 'OR']),
  runbook: z.string(),
  conditions: z.record(z.string(), condition),
})

const metric = z.strictObject({
  filter: z.string(),
  labels: z.record(z.string(), z.string()),
  value: z.string().optional(),
})

const slo = z.strictObject({
  goal: z.number(),
  ratio: z.strictObject({ good: z.string(), bad: z.string() }).optional(),
  windows: z.strictObject({ period: z.string(), sum_of: z.string(), max: z.number() }).optional(),
})

const monitoring = z.strictObject({
  project: z.string(),
  metrics: z.record(z.string(), metric),
  slos: z.record(z.string(), slo),
  alerts: z.record(z.string(), alert),
  exclusions: z.array(z.string()),
})

export type Threshold = z.infer<typeof threshold>
export type Condition = z.infer<typeof condition>
export type Alert = z.infer<typeof alert>
export type Monitoring = z.infer<typeof monitoring>

export function readMonitoring(): Monitoring {
  return monitoring.parse(JSON.parse(readFileSync(join(MODULE, 'tests/fixtures/monitoring.json'), 'utf8')))
}

/** The path in a log entry that `EXTRACT(path)` reads. */
export function extracted(extractor: string): string {
  const path = /^EXTRACT\(([\w.]+)\)$/.exec(extractor)?.[1]
  if (path === undefined) throw new Error(`cannot read the extractor ${extractor}`)
  return path
}
