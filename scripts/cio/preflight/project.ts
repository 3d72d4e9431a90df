import { z } from 'zod'
import type { Finding } from '../finding.ts'
import { ok, wrong } from '../finding.ts'
import { count } from '../output.ts'
import type { Plan } from './plan.ts'
import { type Read, unknown } from './read.ts'

/** Most names that one question may hold: https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet */
const MOST_SERVICES = 30
/** https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions */
const MOST_PERMISSIONS = 100
/** Terraform asks these two before it enables any other. */
const ASKED_FIRST = ['cloudresourcemanager.googleapis.com', 'serviceusage.googleapis.com']

const projectSchema = z.looseObject({ state: z.string().optional() })

/** The project exists and is not about to be deleted: `projects.get` of Resource Manager v3. */
export async function examineProject(read: Read, { projectId }: Plan): Promise<readonly Finding[]> {
  const area = 'project'
  const enable = `gcloud services enable ${ASKED_FIRST.join(' ')} --project=${projectId}`
  const answer = await read('cloudresourcemanager', `/v3/projects/${projectId}`, projectSchema)
  if (answer.kind === 'disabled')
    return [wrong(area, 'Resource Manager is not enabled: Terraform cannot start', enable)]
  // Google answers 403 for a project that does not exist.
  const fix = 'Is project_id right in values.yaml? If it is, ask for roles/browser on the project.'
  if (answer.kind === 'unread') return [unknown(area, `whether ${projectId} exists`, answer, fix)]
  if (answer.kind === 'absent')
    return [wrong(area, `${projectId} does not exist`, 'Correct project_id in values.yaml.')]
  const { state } = answer.value
  if (state === 'ACTIVE') return [ok(area, `${projectId} exists`)]
  return [wrong(area, `${projectId} is ${state}`, `gcloud projects undelete ${projectId}`)]
}

const billingSchema = z.looseObject({ billingEnabled: z.boolean().default(false) })

/** https://cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo */
export async function examineBilling(read: Read, { projectId }: Plan): Promise<readonly Finding[]> {
  const area = 'billing'
  const link = `gcloud billing projects link ${projectId} --billing-account=ACCOUNT`
  const answer = await read('cloudbilling', `/v1/projects/${projectId}/billingInfo`, billingSchema)
  if (answer.kind !== 'found') {
    const fix = `Without billing no service can be enabled. See it with: gcloud billing projects describe ${projectId}.`
    return [unknown(area, 'whether billing is on', answer, fix)]
  }
  return [answer.value.billingEnabled ? ok(area, 'enabled') : wrong(area, 'the project has no billing account', link)]
}

const servicesSchema = z.looseObject({
  services: z
    .array(
      z.looseObject({ config: z.looseObject({ name: z.string() }).optional(), name: z.string(), state: z.string() }),
    )
    .default([]),
})

/** Which services are enabled. Terraform enables the others, if it can ask for that. */
export async function examineServices(read: Read, { projectId, services }: Plan): Promise<readonly Finding[]> {
  const area = 'services'
  const enabled = new Set<string>()
  const names = [...new Set([...ASKED_FIRST, ...Object.keys(services)])]
  for (const some of slices(names, MOST_SERVICES)) {
    const query = some.map((name) => `names=projects/${projectId}/services/${name}`).join('&')
    const answer = await read('serviceusage', `/v1/projects/${projectId}/services:batchGet?${query}`, servicesSchema)
    if (answer.kind === 'disabled') break
    if (answer.kind !== 'found') {
      return [unknown(area, 'which are on', answer, 'Terraform enables them: you need serviceusage.services.enable.')]
    }
    for (const { name, state } of answer.value.services)
      if (state === 'ENABLED') enabled.add(name.split('/').at(-1) ?? '')
  }
  const missing = ASKED_FIRST.filter((name) => !enabled.has(name))
  if (missing.length > 0) {
    const note = `${missing.join(' and ')} must be enabled before Terraform can start`
    return [wrong(area, note, `gcloud services enable ${missing.join(' ')} --project=${projectId}`)]
  }
  const off = names.filter((name) => !enabled.has(name))
  if (off.length === 0) return [ok(area, `all ${names.length} are enabled`)]
  return [ok(area, `${count(off.length, 'service')} of ${names.length} are off: the apply enables them`)]
}

export const permissionsSchema = z.looseObject({ permissions: z.array(z.string()).default([]) })

/**
 * What the person at this command line may do in the project, by inheritance too. A role that is granted under a condition
 * may not show.
 */
export async function examinePermissions(read: Read, { projectId, services }: Plan): Promise<readonly Finding[]> {
  const area = 'permissions'
  const wanted = ['serviceusage.services.enable', ...Object.values(services).flat()]
  const granted = new Set<string>()
  for (const permissions of slices(wanted, MOST_PERMISSIONS)) {
    const path = `/v3/projects/${projectId}:testIamPermissions`
    const answer = await read('cloudresourcemanager', path, permissionsSchema, { permissions })
    if (answer.kind !== 'found') {
      return [
        unknown(area, 'which you have', answer, 'An apply needs roles/owner, or the roles of terraform/bootstrap.'),
      ]
    }
    for (const permission of answer.value.permissions) granted.add(permission)
  }
  const missing = wanted.filter((permission) => !granted.has(permission))
  if (missing.length === 0) return [ok(area, `you have all ${wanted.length} that an apply needs`)]
  const note = `you lack ${missing.join(', ')}`
  const fix =
    'Ask for roles/owner, or for the roles that terraform/bootstrap gives to a deployer (apply_roles in main.tf).'
  return [wrong(area, note, fix)]
}

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size))
}
