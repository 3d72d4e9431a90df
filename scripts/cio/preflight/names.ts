import { z } from 'zod'
import { accountId, roleId, withNamePrefix } from '../../topology/names.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import type { GoogleApi } from '../google-api.ts'
import { count } from '../output.ts'
import type { Plan } from './plan.ts'
import type { Answer, Read } from './read.ts'
import { addressOf, type Managed } from './state.ts'

/** One thing that an apply makes and that has a name of its own in the project. */
export interface Named {
  readonly kind: string
  readonly name: string
  /** Terraform's, within the module. */
  readonly address: string
  readonly api: GoogleApi
  /** Where Google's API shows it. */
  readonly path: string
  /** What `terraform import` takes. */
  readonly id: string
  /** Where it is to be, and the value that says so; undefined for what has no location or names it in its path. */
  readonly location?: { readonly wanted: string; readonly variable: string }
}

/** The locations of an answer: Firestore's, then those of the others. */
const resourceSchema = z.looseObject({ locationId: z.string().optional(), location: z.string().optional() })
type Resource = z.infer<typeof resourceSchema>

const PARALLEL = 10

/** Everything with a name that an apply makes, under the address that it has by its name in pipeline.yaml. Pure. */
export function namesOf(plan: Plan): readonly Named[] {
  const { projectId, namePrefix, topology, region, bigQueryLocation, firestoreLocation } = plan
  const deployed = withNamePrefix(topology, namePrefix)
  const project = `projects/${projectId}`
  const regional = `${project}/locations/${region}`
  const each = (names: readonly string[], make: (name: string, key: string) => Named) =>
    names.map((key) => make(`${namePrefix}${key}`, key))
  const functions = Object.keys(topology.functions)
  const pushes = Object.entries(topology.subscriptions).flatMap(([name, { push }]) =>
    push === undefined ? [] : [name],
  )
  const probing = functions.filter((name) => (topology.functions[name]?.probes.length ?? 0) > 0)
  const account = (name: string, address: string): Named => {
    const short = accountId(namePrefix, name)
    const id = `${project}/serviceAccounts/${short}@${projectId}.iam.gserviceaccount.com`
    return { kind: 'service account', name: short, address, api: 'iam', path: `/v1/${id}`, id }
  }
  const { database } = deployed.ledger
  const { dataset } = deployed.bigquery
  const bucket = `${namePrefix}${projectId}-customerio-bundles`
  const repository = `${namePrefix}customerio-functions`
  const sink = `${namePrefix}customerio-record`
  const service = `${project}/services/${namePrefix}customerio`
  return [
    ...each(Object.keys(topology.topics), (name, key) => {
      const id = `${project}/topics/${name}`
      const address = addressOf('google_pubsub_topic', 'topic', key)
      return { kind: 'topic', name, address, api: 'pubsub', path: `/v1/${id}`, id }
    }),
    ...each(Object.keys(topology.subscriptions), (name, key) => {
      const id = `${project}/subscriptions/${name}`
      const address = addressOf('google_pubsub_subscription', 'subscription', key)
      return { kind: 'subscription', name, address, api: 'pubsub', path: `/v1/${id}`, id }
    }),
    ...each(functions, (name, key) => {
      const id = `${regional}/functions/${name}`
      const address = addressOf('google_cloudfunctions2_function', 'function', key)
      return { kind: 'function', name, address, api: 'cloudfunctions', path: `/v2/${id}`, id }
    }),
    ...Object.entries(deployed.secrets).map(([variable, { id: name }]): Named => {
      const id = `${project}/secrets/${name}`
      const address = addressOf('google_secret_manager_secret', 'secret', variable)
      return { kind: 'secret', name, address, api: 'secretmanager', path: `/v1/${id}`, id }
    }),
    ...each(functions, (_, key) => account(`${key}-function`, addressOf('google_service_account', 'function', key))),
    ...each(pushes, (_, key) => account(`${key}-push`, addressOf('google_service_account', 'push', key))),
    account('customerio-build', addressOf('google_service_account', 'build')),
    ...['pauser', 'replayer'].map((own): Named => {
      const role = roleId(namePrefix, own)
      const id = `${project}/roles/${role}`
      const address = addressOf('google_project_iam_custom_role', own)
      return { kind: 'role', name: role, address, api: 'iam', path: `/v1/${id}`, id }
    }),
    {
      kind: 'bucket',
      name: bucket,
      address: addressOf('google_storage_bucket', 'bundles'),
      api: 'storage',
      path: `/storage/v1/b/${bucket}`,
      id: bucket,
      location: { wanted: region, variable: 'region' },
    },
    {
      kind: 'dataset',
      name: dataset,
      address: addressOf('google_bigquery_dataset', 'warehouse'),
      api: 'bigquery',
      path: `/bigquery/v2/${project}/datasets/${dataset}`,
      id: `${project}/datasets/${dataset}`,
      location: { wanted: bigQueryLocation, variable: 'bigquery_location' },
    },
    {
      kind: 'database',
      name: database,
      address: addressOf('google_firestore_database', 'ledger'),
      api: 'firestore',
      path: `/v1/${project}/databases/${database}`,
      id: `${project}/databases/${database}`,
      location: { wanted: firestoreLocation, variable: 'firestore_location' },
    },
    {
      kind: 'repository',
      name: repository,
      address: addressOf('google_artifact_registry_repository', 'images'),
      api: 'artifactregistry',
      path: `/v1/${regional}/repositories/${repository}`,
      id: `${regional}/repositories/${repository}`,
    },
    ...['requests', 'delivered'].map((key): Named => {
      const name = `${namePrefix}customerio-${key}`
      const id = `${project}/exclusions/${name}`
      const address = addressOf('google_logging_project_exclusion', key)
      return { kind: 'exclusion of logs', name, address, api: 'logging', path: `/v2/${id}`, id }
    }),
    {
      kind: 'sink of logs',
      name: sink,
      address: addressOf('google_logging_project_sink', 'record'),
      api: 'logging',
      path: `/v2/${project}/sinks/${sink}`,
      id: `${project}/sinks/${sink}`,
    },
    {
      kind: 'monitored service',
      name: `${namePrefix}customerio`,
      address: addressOf('google_monitoring_custom_service', 'pipeline'),
      api: 'monitoring',
      path: `/v3/${service}`,
      id: service,
    },
    ...(plan.probeEnabled ? probing : []).flatMap((key) =>
      ['probe', 'names'].map((job): Named => {
        const name = `${namePrefix}customerio-${job}`
        const id = `${regional}/jobs/${name}`
        const address = addressOf('google_cloud_scheduler_job', job, key)
        return { kind: 'scheduler job', name, address, api: 'cloudscheduler', path: `/v1/${id}`, id }
      }),
    ),
  ]
}

/** Names that exist already. What Terraform has made itself is no obstacle, unless it lies somewhere else. */
export async function examineNames(read: Read, plan: Plan, managed: Managed): Promise<readonly Finding[]> {
  const all = namesOf(plan)
  const answers = new Map<Named, Answer<Resource>>()
  for (let at = 0; at < all.length; at += PARALLEL) {
    const some = all.slice(at, at + PARALLEL)
    const given = await Promise.all(some.map(({ api, path }) => read(api, path, resourceSchema)))
    for (const [index, answer] of given.entries()) if (some[index] !== undefined) answers.set(some[index], answer)
  }
  const findings = [...answers].flatMap(([named, answer]) =>
    answer.kind === 'found' ? taken(named, answer.value, managed) : [],
  )
  const free = [...answers.values()].filter(({ kind }) => kind === 'absent').length
  const own = all.filter(({ address }) => managed?.has(address)).length
  const words = `${free} of ${all.length} are free${own > 0 ? `, ${own} are in Terraform’s state` : ''}`
  return [
    ...(free + own > 0 ? [ok('names', words)] : []),
    ...findings,
    ...unreadNames(answers, plan),
    ...(await examineServiceNames(read, plan, answers)),
  ]
}

/** What is wrong with a name that exists. Pure. */
function taken({ kind, name, address, id, location }: Named, resource: Resource, managed: Managed): readonly Finding[] {
  const area = 'names'
  const actual = resource.locationId ?? resource.location
  const elsewhere =
    location !== undefined && actual !== undefined && actual.toLowerCase() !== location.wanted.toLowerCase()
  if (elsewhere) {
    const note = `the ${kind} ${name} is in ${actual}, not in ${location.wanted}, and cannot be moved`
    const fix = `Set ${location.variable}: ${actual} in values.yaml. Otherwise it has to be deleted, with all that it holds.`
    return [wrong(area, note, fix)]
  }
  if (managed?.has(address)) return []
  const command = `terraform import 'module.pipeline.${address}' ${id}`
  if (managed === undefined) {
    const fix = `If \`terraform state list\` does not name it, the apply fails with 409. Then: ${command}`
    return [{ area, state: 'unknown', note: `the ${kind} ${name} exists`, fix }]
  }
  const fix = `If it was made for this pipeline: ${command}. If not, delete it, or use another project.`
  return [wrong(area, `the ${kind} ${name} exists, and Terraform did not make it`, fix)]
}

/** One line for each reason, not for each name. Pure. */
function unreadNames(answers: ReadonlyMap<Named, Answer<Resource>>, { projectId }: Plan): readonly Finding[] {
  const area = 'names'
  const unread = [...answers].flatMap(([named, answer]) =>
    answer.kind === 'unread' || answer.kind === 'disabled' ? [{ named, answer }] : [],
  )
  const disabled = unread.filter(({ answer }) => answer.kind === 'disabled')
  const apis = [...new Set(disabled.map(({ named }) => `${named.api}.googleapis.com`))]
  const findings: Finding[] = []
  if (apis.length > 0) {
    const note = `${count(disabled.length, 'name')} cannot be looked up before ${apis.join(', ')} are enabled. In a project that never had them, all are free`
    const fix = `To be sure: gcloud services enable ${apis.join(' ')} --project=${projectId}`
    findings.push({ area, state: 'unknown', note, fix })
  }
  const denied = Map.groupBy(
    unread.filter(({ answer }) => answer.kind === 'unread'),
    ({ named, answer }) => `${named.kind}: ${answer.why}`,
  )
  for (const [reason, all] of denied) {
    const fix = 'A name that is taken stops the apply with 409. Ask for roles/viewer on the project.'
    findings.push({
      area,
      state: 'unknown',
      note: `${count(all.length, 'name')} could not be looked up (${reason})`,
      fix,
    })
  }
  return findings
}

/** A function needs a Cloud Run service of its own name, which somebody else may have deployed. */
async function examineServiceNames(
  read: Read,
  { projectId, region }: Plan,
  answers: ReadonlyMap<Named, Answer<Resource>>,
): Promise<readonly Finding[]> {
  const free = [...answers].filter(([{ kind }, answer]) => kind === 'function' && answer.kind === 'absent')
  const found = await Promise.all(
    free.map(async ([{ name }]) => {
      const path = `/v2/projects/${projectId}/locations/${region}/services/${name}`
      const { kind } = await read('run', path, z.looseObject({}))
      return kind === 'found' ? [name] : []
    }),
  )
  return found.flat().map((name) => {
    const fix = `Delete or rename it: gcloud run services describe ${name} --region=${region} --project=${projectId}`
    return wrong('names', `a Cloud Run service ${name} exists, so the function ${name} cannot be made`, fix)
  })
}
