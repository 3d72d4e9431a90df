import { z } from 'zod'
import type { Plan } from './plan.ts'
import type { Answer, Read } from './read.ts'

/**
 * The effective policy of a constraint, all of the hierarchy's policies merged:
 * https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies/getEffectivePolicy
 */
const policySchema = z.looseObject({
  spec: z
    .looseObject({
      rules: z
        .array(
          z.looseObject({
            values: z
              .looseObject({
                allowedValues: z.array(z.string()).default([]),
                deniedValues: z.array(z.string()).default([]),
              })
              .optional(),
            allowAll: z.boolean().optional(),
            denyAll: z.boolean().optional(),
            enforce: z.boolean().optional(),
            parameters: z.looseObject({ allowedMemberSubjects: z.array(z.string()).optional() }).optional(),
          }),
        )
        .default([]),
    })
    .default({ rules: [] }),
})

export type Policy = z.infer<typeof policySchema>

/** Whether a policy lets something be; undefined when its words leave that open. */
export type Allowed = boolean | undefined

/** Reads a constraint's policy in the project. One that nobody has set is `absent`. */
export function readPolicy(read: Read, { projectId }: Plan, constraint: string): Promise<Answer<Policy>> {
  return read('orgpolicy', `/v2/projects/${projectId}/policies/${constraint}:getEffectivePolicy`, policySchema)
}

/** Whether a boolean constraint, such as `iam.disableServiceAccountCreation`, is enforced. Pure. */
export function isEnforced({ spec }: Policy): boolean {
  return spec.rules.some(({ enforce }) => enforce === true)
}

/**
 * Whether a list constraint allows a value. Pure.
 *
 * @param covers whether an entry of the policy means the value; undefined when that cannot be told
 */
export function allows({ spec }: Policy, covers: (entry: string) => boolean | undefined): Allowed {
  if (spec.rules.some(({ denyAll }) => denyAll === true)) return false
  if (spec.rules.some(({ allowAll }) => allowAll === true)) return true
  const verdicts = (entries: readonly string[]) => entries.map((entry) => covers(entry.replace(/^is:/, '')))
  const denied = verdicts(spec.rules.flatMap(({ values }) => values?.deniedValues ?? []))
  const allowed = verdicts(spec.rules.flatMap(({ values }) => values?.allowedValues ?? []))
  if (denied.includes(true)) return false
  if (allowed.length > 0 && !allowed.includes(true)) return allowed.includes(undefined) ? undefined : false
  return denied.includes(undefined) ? undefined : true
}

/** Entries that name a value as it is. */
export function named(...values: readonly string[]): (entry: string) => boolean | undefined {
  return (entry) => (entry.startsWith('in:') ? undefined : values.includes(entry))
}

/** Regions in member states of the European Union, and the multi-regions within it. */
const EU_LOCATIONS = [
  ...['eu', 'eur3', 'europe-central2', 'europe-north1', 'europe-north2', 'europe-southwest1', 'europe-west1'],
  ...['europe-west3', 'europe-west4', 'europe-west8', 'europe-west9', 'europe-west10', 'europe-west12'],
]

/**
 * Entries of `gcp.resourceLocations` that cover a location: itself, its own group, that of its continent and that of
 * the European Union. What else a group holds is Google's to say:
 * https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations
 */
export function coveringLocation(location: string): (entry: string) => boolean | undefined {
  const wanted = location.toLowerCase()
  const groups = [`in:${wanted}-locations`, `in:${wanted.split('-')[0]}-locations`]
  if (EU_LOCATIONS.includes(wanted)) groups.push('in:eu-locations')
  return (entry) => {
    if (!entry.startsWith('in:')) return entry.toLowerCase() === wanted
    return groups.includes(entry.toLowerCase()) || undefined
  }
}
