import { z } from 'zod'
import { type Finding, ok, wrong } from '../finding.ts'
import type { Plan } from './plan.ts'
import { type Read, unknown } from './read.ts'

/** Cloud Run counts it in thousandths of a vCPU, per project and region. */
const METRIC = 'run.googleapis.com/cpu_allocation'
const AREA = 'quotas'

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
 * Cloud Run refuses a service whose instances could take more vCPUs than the region allows the project: "Max instances must
 * be set to 5 or fewer in order to set the requested total CPU". New projects may be allowed few.
 */
export async function examineQuotas(read: Read, plan: Plan): Promise<readonly Finding[]> {
  const { projectId, region, topology } = plan
  const path = `/v1beta1/projects/${projectId}/services/run.googleapis.com/consumerQuotaMetrics/${encodeURIComponent(METRIC)}`
  const answer = await read('serviceusage', path, metricSchema)
  const fix = 'A low quota refuses functions with many instances. See Cloud Run under IAM & Admin, Quotas.'
  if (answer.kind !== 'found') return [unknown(AREA, METRIC, answer, fix)]
  const buckets = answer.value.consumerQuotaLimits.flatMap(({ quotaBuckets }) => quotaBuckets)
  const own = buckets.find(({ dimensions }) => dimensions?.region === region)
  const { effectiveLimit: limit } = own ?? buckets.find(({ dimensions }) => dimensions?.region === undefined) ?? {}
  // -1 stands for no limit.
  if (limit === undefined || limit < 0) return [ok(AREA, 'no limit on vCPUs of Cloud Run')]
  const tooLarge = Object.entries(topology.functions).filter(
    ([, each]) => Number(each.cpu) * 1_000 * each.max_instances > limit,
  )
  if (tooLarge.length === 0)
    return [ok(AREA, `${limit / 1_000} vCPUs of Cloud Run in ${region} are enough for each function`)]
  return tooLarge.map(([name, { cpu, max_instances: most }]) => {
    const note = `${name} may take ${Number(cpu) * most} vCPUs; the quota in ${region} is ${limit / 1_000}`
    const enough = Math.floor(limit / 1_000 / Number(cpu))
    return wrong(
      AREA,
      note,
      `Ask for more under IAM & Admin, Quotas, or set max_instances: ${enough} in pipeline.yaml.`,
    )
  })
}
