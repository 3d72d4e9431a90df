import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { PROJECT_ROOT, type Topology } from '../../topology/topology.ts'
import type { Environment } from '../environment.ts'
import { CommandError } from '../errors.ts'
import { WAYS_IN, type WayIn } from '../webhooks/way-in.ts'

/** What an apply of one environment would make, as far as a project can refuse it. */
export interface Plan {
  readonly projectId: string
  readonly namePrefix: string
  /** As it stands in pipeline.yaml: Terraform's addresses have its names. */
  readonly topology: Topology
  readonly region: string
  readonly bigQueryLocation: string
  readonly firestoreLocation: string
  readonly wayIn: WayIn
  readonly probeEnabled: boolean
  /** The billing account of the budget; undefined when none is asked for. */
  readonly budgetAccount: string | undefined
  /** Services that are enabled, each with the permissions that an apply needs: terraform/services.yaml. */
  readonly services: Readonly<Record<string, readonly string[]>>
  /** Where Terraform keeps its state; undefined when it is not kept in Cloud Storage. */
  readonly state: { readonly bucket: string; readonly object: string } | undefined
}

const valuesSchema = z.looseObject({
  project_id: z.string(),
  region: z.string(),
  bigquery_location: z.string().nullish(),
  firestore_location: z.string().nullish(),
  webhook_access: z.enum(WAYS_IN).nullish(),
  budget: z.looseObject({ billing_account: z.string() }).nullish(),
  probe: z.looseObject({ enabled: z.boolean() }).nullish(),
})

const servicesSchema = z.record(z.string(), z.array(z.string()))

/** @throws with the field of `values.yaml` that cannot be used */
export function planOf(environment: Environment, topology: Topology): Plan {
  const parsed = valuesSchema.safeParse(environment.values)
  if (!parsed.success) throw new CommandError(`${environment.file}: ${z.prettifyError(parsed.error)}`)
  const { region, ...values } = parsed.data
  return {
    projectId: values.project_id,
    namePrefix: environment.namePrefix,
    topology,
    region,
    bigQueryLocation: values.bigquery_location ?? region,
    firestoreLocation: values.firestore_location ?? region,
    wayIn: values.webhook_access ?? 'all_users',
    probeEnabled: values.probe?.enabled ?? false,
    budgetAccount: values.budget?.billing_account,
    services: servicesSchema.parse(parse(readFileSync(join(PROJECT_ROOT, 'terraform/services.yaml'), 'utf8'))),
    state: stateOf(environment.folder),
  }
}

/** From the block `backend "gcs"` of the environment's Terraform files. */
function stateOf(folder: string): Plan['state'] {
  const text = globSync(join(folder, '*.tf'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const [, block = ''] = /backend\s+"gcs"\s*\{([^}]*)\}/.exec(text) ?? []
  const argument = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*"([^"]*)"`, 'm').exec(block)?.[1]
  const bucket = argument('bucket')
  // https://developer.hashicorp.com/terraform/language/backend/gcs: prefix and the workspace, which is `default`.
  return bucket === undefined ? undefined : { bucket, object: join(argument('prefix') ?? '', 'default.tfstate') }
}
