import { join } from 'node:path'
import { MODULE, readModule } from '../../../terraform/tests/hcl.ts'
import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { readEnvironment } from '../environment.ts'
import { namesOf } from './names.ts'
import { planOf } from './plan.ts'

/** The names that the preflight looks up are those that Terraform gives. */

const plan = planOf(readEnvironment('dev', PROJECT_ROOT), readTopology())
const names = namesOf(plan)

/** Terraform's argument that is the name, by type. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  google_artifact_registry_repository: 'repository_id',
  google_bigquery_dataset: 'dataset_id',
  google_secret_manager_secret: 'secret_id',
  google_service_account: 'account_id',
}

it('are Terraform’s, each under its address', async () => {
  const { resources } = await readModule(MODULE)
  const differing = names.flatMap(({ name, address }) => {
    const [, type = '', resource = '', key] = /^(\w+)\.(\w+)(?:\["([^"]+)"\])?$/.exec(address) ?? []
    const argument = String(resources.get(`${type}.${resource}`)?.[ARGUMENTS[type] ?? 'name'])
    const values: Readonly<Record<string, string | undefined>> = {
      'each.key': key,
      'each.value.id': plan.topology.secrets[key ?? '']?.id,
      'var.project_id': plan.projectId,
      'var.pipeline.bigquery.dataset': plan.topology.bigquery.dataset,
      'var.pipeline.ledger.database': plan.topology.ledger.database,
    }
    const given = argument.replaceAll(/\$\{([^}]+)\}/g, (_, expression: string) => values[expression] ?? expression)
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
