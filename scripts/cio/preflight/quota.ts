import { z } from 'zod'
import { type Finding, ok, wrong } from '../finding.ts'
import type { Plan } from './plan.ts'
import { type Read, unknown } from './read.ts'

type Sized = Plan['topology']['functions'][string]

/** What Cloud Run allots to instances, limited per project and region. */
interface Quota {
  readonly metric: string
  /** What one instance takes, in the metric's unit. */
  readonly ofInstance: (each: Sized) => number
  readonly words: (amount: number) => string
}

const GIB = 1_073_741_824

/** https://cloud.google.com/run/docs/configuring/max-instances-limits: thousandths of a vCPU, and bytes. */
const QUOTAS: readonly Quota[] = [
  {
    metric: 'run.googleapis.com/cpu_allocation',
    ofInstance: ({ cpu }) => Number(cpu) * 1_000,
    words: (amount) => `${amount / 1_000} vCPUs`,
  },
  {
    metric: 'run.googleapis.com/mem_allocation',
    ofInstance: ({ memory }) => Number.parseFloat(memory) * (memory.endsWith('Gi') ? GIB : GIB / 1_024),
    words: (amount) => `${Math.round((amount / GIB) * 10) / 10} GiB`,
  },
]

/** https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics */
const metricSchema = z.looseObject({
  consumerQuotaLimits: z.array(
    z.looseObject({
      quotaBuckets: z.array(
        z.looseObject({
          effectiveLimit: z.coerce.number().optional(),
          dimensions: z.looseObject({ region: z.string().optional() }).optional(),
        }),
      ),
    }),
  ),
})

/**
 * Cloud Run refuses a service whose instances could take more than the region allows the project: "Max instances must be set
 * to 5 or fewer in order to set the requested total CPU". New projects may be allowed little.
 */
export async function examineQuotas(read: Read, plan: Plan): Promise<readonly Finding[]> {
  return (await Promise.all(QUOTAS.map((quota) => examineQuota(read, plan, quota)))).flat()
}

async function examineQuota(
  read: Read,
  { projectId, region, topology }: Plan,
  { metric, ofInstance, words }: Quota,
): Promise<readonly Finding[]> {
  const area = 'quotas'
  const path = `/v1beta1/projects/${projectId}/services/run.googleapis.com/consumerQuotaMetrics/${encodeURIComponent(metric)}`
  const answer = await read('serviceusage', path, metricSchema)
  if (answer.kind !== 'found') {
    const fix = 'A low quota refuses functions with many instances. See Cloud Run under IAM & Admin, Quotas.'
    return [unknown(area, metric, answer, fix)]
  }
  const buckets = answer.value.consumerQuotaLimits.flatMap(({ quotaBuckets }) => quotaBuckets)
  const own = buckets.find(({ dimensions }) => dimensions?.region === region)
  const { effectiveLimit: limit } = own ?? buckets.find(({ dimensions }) => dimensions?.region === undefined) ?? {}
  // -1 stands for no limit.
  if (limit === undefined || limit < 0) return [ok(area, `no limit of ${metric}`)]
  const tooLarge = Object.entries(topology.functions).filter(
    ([, each]) => ofInstance(each) * each.max_instances > limit,
  )
  if (tooLarge.length === 0) return [ok(area, `${words(limit)} of Cloud Run in ${region} are enough for each function`)]
  return tooLarge.map(([name, each]) => {
    const note = `${name} may take ${words(ofInstance(each) * each.max_instances)}; the quota in ${region} is ${words(limit)}`
    const enough = Math.floor(limit / ofInstance(each))
    return wrong(
      area,
      note,
      `Ask for more under IAM & Admin, Quotas, or set max_instances: ${enough} in pipeline.yaml.`,
    )
  })
}
