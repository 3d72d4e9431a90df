import { join } from 'node:path'
import { z } from 'zod'
import { MODULE, readModule } from '../../../terraform/tests/hcl.ts'
import { accountId } from '../../topology/names.ts'
import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { readEnvironment } from '../environment.ts'
import { namesOf } from './names.ts'
import { planOf } from './plan.ts'

/** The names that the preflight looks up are those that Terraform gives. */

const plan = { ...planOf(readEnvironment('dev', PROJECT_ROOT), readTopology()), probeEnabled: true }
const names = namesOf(plan)

/** Terraform's argument that is the name, by type. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  google_artifact_registry_repository: 'repository_id',
  google_bigquery_dataset: 'dataset_id',
  google_monitoring_custom_service: 'service_id',
  google_project_iam_custom_role: 'role_id',
  google_secret_manager_secret: 'secret_id',
  google_service_account: 'account_id',
}

/** What terraform/names.tf says of a kind of names: `${var.name_prefix}${name}`. */
const rule = (names: unknown): string => {
  const text = String(names)
  return /=> "(.+)"\s*\}/.exec(text)?.[1] ?? text
}

it.each(['', 'uk-'])('are Terraform’s, each under its address, behind the prefix %p', async (namePrefix) => {
  const { resources, locals } = await readModule(MODULE)
  const [rules] = z.array(z.record(z.string(), z.unknown())).parse([locals.names].flat())
  const differing = namesOf({ ...plan, namePrefix }).flatMap(({ name, address }) => {
    const [, type = '', resource = '', key] = /^(\w+)\.(\w+)(?:\["([^"]+)"\])?$/.exec(address) ?? []
    const argument = String(resources.get(`${type}.${resource}`)?.[ARGUMENTS[type] ?? 'name'])
    // Accounts have a test of their own, of what Terraform plans for them.
    if (type === 'google_service_account') {
      const own = /^\$\{local\.names\.accounts\["(.+)"\]\}$/.exec(argument)?.[1]?.replace(/\$\{each\.key\}/, key ?? '')
      return accountId(namePrefix, own ?? '') === name ? [] : [`${address}: ${argument} in Terraform, ${name} here`]
    }
    const [, kind = '', one] = /^\$\{local\.names\.(\w+)(?:\[each\.key\]|\.(\w+))?\}$/.exec(argument) ?? []
    const named = one === undefined ? rules?.[kind] : Object(rules?.[kind])[one]
    const values: Readonly<Record<string, string | undefined>> = {
      name: key,
      'secret.id': plan.topology.secrets[key ?? '']?.id,
      'var.name_prefix': namePrefix,
      'replace(var.name_prefix, "-", "_")': namePrefix.replaceAll('-', '_'),
      'var.project_id': plan.projectId,
      'var.pipeline.bigquery.dataset': plan.topology.bigquery.dataset,
      'var.pipeline.ledger.database': plan.topology.ledger.database,
    }
    const given = rule(named).replaceAll(/\$\{([^}]+)\}/g, (_, expression: string) => values[expression] ?? expression)
    return given === name ? [] : [`${address}: ${given} in Terraform, ${name} here`]
  })
  expect(differing).toEqual([])
})

it('include every resource of those types', async () => {
  const { resources } = await readModule(MODULE)
  const types = new Set(names.map(({ address }) => address.split('.')[0]))
  const looked = new Set(names.map(({ address }) => address.split('[')[0]))
  const declared = [...resources.keys()].filter((address) => types.has(address.split('.')[0] ?? ''))
  expect(declared.filter((address) => !looked.has(address))).toEqual([])
})

it('look for the job of the probe only where it runs', () => {
  const kinds = (probeEnabled: boolean) => namesOf({ ...plan, probeEnabled }).map(({ kind }) => kind)
  expect([kinds(true).includes('scheduler job'), kinds(false).includes('scheduler job')]).toEqual([true, false])
})

it('look for everything that a stopped apply may leave behind under a name', async () => {
  const { resources } = await readModule(MODULE)
  const looked = new Set(names.map(({ address }) => address.split('[')[0]))
  const within =
    /_iam_|^time_|^terraform_data|^google_project_service|secret_version|bucket_object|firestore_(field|backup)|bigquery_(table|routine)|monitoring_slo/
  const left = [...resources.keys()].filter((address) => !looked.has(address) && !within.test(address))
  // Those of Cloud Monitoring have ids that Google makes, so that a second one is no conflict; so has a budget. A metric of the
  // same name is one: it is not looked for, since its name is in metrics.tf only.
  expect(left.sort()).toEqual([
    'google_billing_budget.project',
    'google_logging_metric.metric',
    'google_monitoring_alert_policy.alert',
    'google_monitoring_alert_policy.burn',
    'google_monitoring_dashboard.pipeline',
    'google_monitoring_notification_channel.channel',
  ])
})

it('plan: the bucket of the state is the backend’s, and locations are the region’s where none is given', () => {
  expect(plan).toMatchObject({
    state: { bucket: 'acme-customerio-dev-terraform', object: 'customerio/default.tfstate' },
    bigQueryLocation: 'EU',
    firestoreLocation: 'europe-west1',
  })
})

it('plan: a value that cannot be used is named with its file', () => {
  const environment = { ...readEnvironment('dev', PROJECT_ROOT), values: { project_id: 'p', region: 1 } }
  expect(() => planOf(environment, readTopology())).toThrow(/values\.yaml: [\s\S]*region/)
  expect(environment.file).toBe(join(PROJECT_ROOT, 'terraform/environments/dev/values.yaml'))
})
