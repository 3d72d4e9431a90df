import { z } from 'zod'
import { type Finding, ok, wrong } from '../finding.ts'
import { count } from '../output.ts'
import type { Plan } from './plan.ts'
import { type Read, unknown } from './read.ts'

const AREA = 'state'

const bucketSchema = z.looseObject({ versioning: z.looseObject({ enabled: z.boolean().default(false) }).optional() })

/** Terraform's state, version 4: no promise of Terraform's, but unchanged since 0.12. */
const stateSchema = z.looseObject({
  resources: z
    .array(
      z.looseObject({
        mode: z.string(),
        module: z.string().optional(),
        type: z.string(),
        name: z.string(),
        instances: z.array(z.looseObject({ index_key: z.union([z.string(), z.number()]).optional() })),
      }),
    )
    .default([]),
})

/** What Terraform has made so far: addresses without their module. Undefined when its state cannot be read. */
export type Managed = ReadonlySet<string> | undefined

/** The bucket of the state, and what is in the state: what is there is no name that somebody else has taken. */
export async function examineState(
  read: Read,
  { state, projectId, region }: Plan,
): Promise<{ readonly findings: readonly Finding[]; readonly managed: Managed }> {
  if (state === undefined) {
    const note = 'no backend "gcs" in this environment: names that exist may be Terraform’s own'
    return { findings: [{ area: AREA, state: 'skipped', note }], managed: undefined }
  }
  const { bucket, object } = state
  const found = await read('storage', `/storage/v1/b/${bucket}?fields=versioning`, bucketSchema)
  const create = `gcloud storage buckets create gs://${bucket} --project=${projectId} --location=${region} --uniform-bucket-level-access --public-access-prevention`
  if (found.kind === 'absent') {
    return { findings: [wrong(AREA, `there is no bucket ${bucket}`, create)], managed: new Set() }
  }
  if (found.kind !== 'found') {
    const fix = 'It is named in the environment’s versions.tf. `terraform init` needs roles/storage.objectUser on it.'
    return { findings: [unknown(AREA, `the bucket ${bucket}`, found, fix)], managed: undefined }
  }
  const versioned: Finding =
    found.value.versioning?.enabled === true
      ? ok(AREA, `${bucket} exists and keeps versions`)
      : {
          area: AREA,
          state: 'warning',
          note: `${bucket} keeps no earlier versions of the state`,
          fix: `gcloud storage buckets update gs://${bucket} --versioning`,
        }
  const answer = await read('storage', `/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}?alt=media`, stateSchema)
  if (answer.kind === 'absent') return { findings: [versioned, ok(AREA, 'empty: a first apply')], managed: new Set() }
  if (answer.kind !== 'found') {
    const fix = 'Names that exist may be Terraform’s own. You need roles/storage.objectUser on the bucket.'
    return { findings: [versioned, unknown(AREA, object, answer, fix)], managed: undefined }
  }
  const managed = new Set(
    answer.value.resources
      .filter(({ mode }) => mode === 'managed')
      .flatMap(({ type, name, instances }) => instances.map(({ index_key }) => addressOf(type, name, index_key))),
  )
  return { findings: [versioned, ok(AREA, `holds ${count(managed.size, 'resource')}`)], managed }
}

/** `google_pubsub_topic.topic["identify"]`. */
export function addressOf(type: string, name: string, key?: string | number): string {
  return `${type}.${name}${key === undefined ? '' : `[${JSON.stringify(key)}]`}`
}
