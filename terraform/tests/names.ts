import { readFileSync } from 'node:fs'
import { z } from 'zod'

/**
 * Holds a plan of several pipelines in one project against what names must be: each has its pipeline's prefix, and no two are
 * equal.
 *
 *   terraform -chdir=terraform/examples/two-pipelines show -json plan | node terraform/tests/names.ts
 */

const resource = z.looseObject({
  address: z.string(),
  mode: z.string(),
  type: z.string(),
  values: z.record(z.string(), z.unknown()),
})
type Resource = z.output<typeof resource>

/** https://developer.hashicorp.com/terraform/internals/json-format#plan-representation */
const planSchema = z.looseObject({
  planned_values: z.looseObject({
    root_module: z.looseObject({
      child_modules: z.array(z.looseObject({ address: z.string(), resources: z.array(resource).default([]) })),
    }),
  }),
  configuration: z.looseObject({
    root_module: z.looseObject({
      module_calls: z.record(
        z.string(),
        z.looseObject({
          expressions: z.looseObject({ name_prefix: z.looseObject({ constant_value: z.string() }).optional() }),
        }),
      ),
    }),
  }),
})

/** Arguments that name what a resource makes, or what it belongs to. */
export const NAME = /^(name|display_name|bucket|database|subscription|\w+_id)$/

/** Names without a prefix, by type and argument, and why they need none. */
export const WITHIN: Readonly<Record<string, string>> = {
  'google_bigquery_table.table_id': 'within the dataset',
  'google_bigquery_table_iam_member.table_id': 'within the dataset',
  'google_bigquery_routine.routine_id': 'within the dataset',
  'google_firestore_database.location_id': 'no name: where it is',
  'google_monitoring_slo.slo_id': 'within the service',
  'google_monitoring_slo.display_name': 'within the service',
  'google_storage_bucket_object.name': 'within the bucket',
}

/** Types without a name, and what two pipelines that have the same do to each other. */
export const NAMELESS: Readonly<Record<string, string>> = {
  google_project_service: 'enabled twice is enabled, and a destroy leaves it enabled',
  google_project_service_identity: 'asked for, not made',
  google_project_iam_audit_config: 'the same in each; a destroy of one takes it from the others until their next apply',
  google_project_iam_member: 'the same for the same readers and operators; a destroy takes it until the next apply',
  google_artifact_registry_repository_iam_member: 'by the name that the repository gets',
  google_pubsub_subscription_iam_member: 'by the id of the subscription',
  google_pubsub_topic_iam_member: 'by the id of the topic',
  google_secret_manager_secret_iam_member: 'by the id of the secret',
  google_secret_manager_secret_version: 'by the id of the secret',
  google_service_account_iam_member: 'by the id of the account',
  terraform_data: 'nothing in the project',
  time_offset: 'nothing in the project',
  time_sleep: 'nothing in the project',
}

/** What is wrong with the names of a plan, one line each. Pure. */
export function wrongNames(plan: unknown): readonly string[] {
  const { planned_values: planned, configuration } = planSchema.parse(plan)
  const found: string[] = []
  const owners = new Map<string, string>()
  for (const { address: module, resources } of planned.root_module.child_modules) {
    const call = configuration.root_module.module_calls[module.replace(/^module\./, '')]
    const prefix = call?.expressions.name_prefix?.constant_value ?? ''
    for (const one of resources.filter(({ mode }) => mode === 'managed')) {
      const names = namesOf(one)
      if (Object.keys(names).length === 0) {
        if (!(one.type in NAMELESS)) found.push(`${one.address}: no name, and not in NAMELESS`)
        continue
      }
      const bare = Object.entries(names).filter(
        ([argument, name]) => !(`${one.type}.${argument}` in WITHIN) && !hasPrefix(argument, name, prefix),
      )
      found.push(...bare.map(([argument, name]) => `${one.address}: ${argument} is ${name}, without ${prefix}`))
      found.push(...strangersIn(one, prefix))
      const { service, role, member, field } = one.values
      const identity = `${one.type} ${JSON.stringify([names, service, role, member, field])}`
      const other = owners.get(identity)
      if (other !== undefined) found.push(`${one.address} has the names of ${other}`)
      owners.set(identity, one.address)
    }
  }
  return found
}

function namesOf({ values }: Resource): Readonly<Record<string, string>> {
  const own = Object.entries(values).flatMap(([argument, value]) =>
    NAME.test(argument) && typeof value === 'string' ? [[argument, value]] : [],
  )
  const { dashboard_json: dashboard } = values
  if (typeof dashboard !== 'string') return Object.fromEntries(own)
  const { displayName } = z.looseObject({ displayName: z.string() }).parse(JSON.parse(dashboard))
  return { display_name: displayName }
}

/** Arguments that Google lets have no hyphens. */
const WITHOUT_HYPHENS: readonly string[] = ['dataset_id', 'role_id']

function hasPrefix(argument: string, name: string, prefix: string): boolean {
  if (argument === 'display_name') return name.includes(prefix)
  return name.startsWith(WITHOUT_HYPHENS.includes(argument) ? prefix.replaceAll('-', '_') : prefix)
}

/** What filters of logs and metrics look at, and is not of this pipeline. */
function strangersIn({ address, values }: Resource, prefix: string): readonly string[] {
  const text = JSON.stringify(values).replaceAll('\\', '')
  const lists = text.matchAll(/\b(service_name|function_name|subscription_id)=(?:one_of)?\(([^)]*)\)/g)
  const sought = [...lists].flatMap(([, label, list = '']) =>
    [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ label, name })),
  )
  const metrics = [...text.matchAll(/logging\.googleapis\.com\/user\/([^"]+)/g)].map(([, name = '']) => ({
    label: 'metric',
    name,
  }))
  return [...sought, ...metrics]
    .filter(({ name }) => !name.startsWith(prefix))
    .map(({ label, name }) => `${address}: looks at the ${label} ${name}, without ${prefix}`)
}

if (process.argv[1] === import.meta.filename) {
  const found = wrongNames(JSON.parse(readFileSync(process.stdin.fd, 'utf8')))
  for (const line of found) console.error(line)
  if (found.length > 0) process.exitCode = 1
}
