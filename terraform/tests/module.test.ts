import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { PROJECT_ROOT, readTopology } from '../../scripts/topology/topology.ts'
import { type Block, MODULE, type Module, readModule } from './hcl.ts'

/** What can be said of the module without Terraform. What it plans is asserted in tests/*.tftest.hcl. */

const ENVIRONMENTS = ['dev', 'staging', 'prod']
const topology = readTopology()
let declared: Module
let everything: string

beforeAll(async () => {
  declared = await readModule(MODULE)
  everything = [...declared.sources.values()].join('\n')
})

function resource(address: string): Block {
  const found = declared.resources.get(address)
  if (found === undefined) throw new Error(`the module has no ${address}`)
  return found
}
/** https://cloud.google.com/iam/docs/permissions-reference. Undefined: not a permission on the project, or no resource of its own. */
const PERMISSION_TO_MAKE: Readonly<Record<string, string | undefined>> = {
  google_artifact_registry_repository: 'artifactregistry.repositories.create',
  google_bigquery_dataset: 'bigquery.datasets.create',
  google_bigquery_routine: 'bigquery.routines.create',
  google_bigquery_table: 'bigquery.tables.create',
  google_billing_budget: undefined, // on the billing account: budget.ts of the preflight asks
  google_cloud_scheduler_job: 'cloudscheduler.jobs.create',
  google_cloudfunctions2_function: 'cloudfunctions.functions.create',
  google_firestore_backup_schedule: 'datastore.backupSchedules.create',
  google_firestore_database: 'datastore.databases.create',
  google_firestore_field: 'datastore.indexes.update',
  google_logging_metric: 'logging.logMetrics.create',
  google_logging_project_exclusion: 'logging.exclusions.create',
  google_logging_project_sink: 'logging.sinks.create',
  google_monitoring_alert_policy: 'monitoring.alertPolicies.create',
  google_monitoring_custom_service: 'monitoring.services.create',
  google_monitoring_dashboard: 'monitoring.dashboards.create',
  google_monitoring_notification_channel: 'monitoring.notificationChannels.create',
  google_monitoring_slo: 'monitoring.slos.create',
  google_project_iam_custom_role: 'iam.roles.create',
  google_project_service: undefined, // serviceusage.services.enable, which the preflight asks for first
  google_project_service_identity: undefined, // the same
  google_pubsub_subscription: 'pubsub.subscriptions.create',
  google_pubsub_topic: 'pubsub.topics.create',
  google_secret_manager_secret: 'secretmanager.secrets.create',
  google_secret_manager_secret_version: 'secretmanager.versions.add',
  google_service_account: 'iam.serviceAccounts.create',
  google_storage_bucket: 'storage.buckets.create',
  google_storage_bucket_object: 'storage.objects.create',
}
const resourcesOf = (type: string) => [...declared.resources].filter(([address]) => address.startsWith(`${type}.`))

describe('the module', () => {
  it.each([
    ['google_pubsub_topic.topic', 'var.pipeline.topics'],
    ['google_pubsub_subscription.subscription', 'local.subscriptions'],
    ['google_cloudfunctions2_function.function', 'local.functions'],
    ['google_secret_manager_secret.secret', 'var.pipeline.secrets'],
    ['google_secret_manager_secret_version.unset', 'var.pipeline.secrets'],
    ['google_bigquery_table.table', 'var.pipeline.bigquery.tables'],
    ['google_bigquery_table.view', 'var.pipeline.bigquery.views'],
    ['google_bigquery_routine.table_function', 'var.pipeline.bigquery.table_functions'],
  ])('makes every %s from %s', (address, source) => {
    expect(resource(address).for_each).toBe(`\${${source}}`)
  })

  it('makes topics, subscriptions, functions and tables in no other way', () => {
    expect(resourcesOf('google_pubsub_topic')).toHaveLength(1)
    expect(resourcesOf('google_pubsub_subscription')).toHaveLength(1)
    expect(resourcesOf('google_cloudfunctions2_function')).toHaveLength(1)
    expect(resourcesOf('google_bigquery_table')).toHaveLength(2)
  })

  it('gives no secret a value but the word unset, and that one only where it does not reach the state', () => {
    expect(resourcesOf('google_secret_manager_secret_version')).toEqual([
      [
        'google_secret_manager_secret_version.unset',
        expect.objectContaining({ secret_data_wo: 'unset', secret_data_wo_version: '1' }),
      ],
    ])
    expect(resource('google_secret_manager_secret_version.unset')).not.toHaveProperty('secret_data')
    expect(everything).not.toMatch(/secret_environment_variables|google_service_account_key/)
  })

  it('adds permissions one by one, so that it takes none away that others gave', () => {
    const types = [...declared.resources.keys()].filter(
      (address) => address.includes('_iam_') && !/_iam_(audit_config|custom_role)\./.test(address),
    )
    expect(types).not.toHaveLength(0)
    expect(types.filter((address) => !address.includes('_iam_member.'))).toEqual([])
  })

  it('shows its tests every permission it gives', () => {
    const shown = JSON.stringify(declared.outputs.get('resources'))
    const hidden = [...declared.resources.keys()].filter(
      (address) => /_iam_(member|audit_config)\./.test(address) && !shown.includes(address),
    )
    expect(hidden).toEqual([])
  })

  it('replaces bindings together with what they are bound to', () => {
    // A binding names its parent by the id, which is not known before a replacement, or says that it is replaced with it.
    const kinds = [
      'pubsub_topic',
      'secret_manager_secret',
      'pubsub_subscription',
      'cloud_run_v2_service',
      'bigquery_table',
    ]
    for (const [address, body] of kinds.flatMap((kind) => resourcesOf(`google_${kind}_iam_member`))) {
      const parent = String(body.topic ?? body.secret_id ?? body.subscription)
      const lifecycle = body.lifecycle ?? []
      if (!parent.endsWith('.id}')) {
        expect({ address, lifecycle }).toEqual({ address, lifecycle: [{ replace_triggered_by: expect.any(Array) }] })
      }
    }
  })

  it('lets nobody publish to a topic before its subscriptions exist, since Pub/Sub drops such messages', () => {
    const publishers = resourcesOf('google_pubsub_topic_iam_member').filter(
      ([, { role }]) => role === 'roles/pubsub.publisher',
    )
    const early = publishers.filter(
      ([, body]) => !String(body.depends_on).includes('google_pubsub_subscription.subscription'),
    )
    // Functions wait for the secrets, and the subscriptions for the functions.
    expect(early.map(([address]) => address)).toEqual(['google_pubsub_topic_iam_member.secret_rotation'])
  })

  it('lets nothing use a service, an account or a permission that was made a moment ago', () => {
    const users = [...declared.resources].filter(([address]) => address !== 'google_project_service.api')
    const hasty = users.filter(([, body]) => String(body.depends_on).includes('google_project_service.api'))
    expect(hasty.map(([address]) => address)).toEqual([])
    const made = /google_(service_account|project_service_identity)\.\w+(\[[^\]]+\])?\.(member|email)/
    const grants = users.filter(([address]) => address.includes('_iam_member.'))
    expect(grants.filter(([, { member }]) => made.test(String(member)))).toEqual([])
    const waitsOf = (address: string) => String(resource(address).depends_on)
    expect(waitsOf('google_cloudfunctions2_function.function')).toContain('time_sleep.permissions')
    expect(waitsOf('google_secret_manager_secret.secret')).toContain('time_sleep.secret_rotation')
    // IAM takes up to 7 minutes.
    const { settling } = declared.locals
    expect(settling).toMatchObject({ permissions: '420s' })
    for (const name of ['services', 'accounts', 'permissions', 'secret_rotation']) {
      const { create_duration: duration, triggers } = resource(`time_sleep.${name}`)
      expect({ name, duration, triggers }).toMatchObject({
        name,
        duration: expect.stringMatching(/^\${local\.settling\.\w+}$/),
        triggers: expect.anything(),
      })
    }
  })

  it('is public in one place only', () => {
    expect(everything.match(/allUsers"|allAuthenticatedUsers/g)).toEqual(['allUsers"'])
    expect(resource('google_cloud_run_v2_service_iam_member.public')).toMatchObject({
      for_each: expect.stringContaining('local.public_functions'),
      member: 'allUsers',
    })
  })

  it('gives on the project what the account that applies may give there, and nothing else', async () => {
    const one = resourcesOf('google_project_iam_member').map(([, { role }]) => String(role))
    const forPeople = [declared.locals.reader_project_roles, declared.locals.operator_project_roles].flatMap((roles) =>
      Object.keys(z.record(z.string(), z.string()).parse(roles)),
    )
    const { locals } = await readModule(join(MODULE, 'bootstrap'))
    const literal = one.filter((role) => role.startsWith('roles/'))
    expect([...new Set([...literal, ...forPeople])].sort()).toEqual(locals.granted_roles)
  })

  it('has a role that is enough to replay a topic, and gives it to nobody', () => {
    expect(resource('google_project_iam_custom_role.replayer').permissions).toEqual([
      'pubsub.subscriptions.consume',
      'pubsub.subscriptions.create',
      'pubsub.subscriptions.delete',
      'pubsub.topics.attachSubscription',
    ])
    expect(everything.match(/custom_role\.replayer/g)).toBeNull()
  })

  it('has the preflight ask for the permission to make each kind of resource', () => {
    const asked = Object.values(
      z.record(z.string(), z.array(z.string())).parse(parse(readFileSync(join(MODULE, 'services.yaml'), 'utf8'))),
    ).flat()
    const types = new Set([...declared.resources.keys()].map((address) => address.split('.')[0] ?? ''))
    const made = [...types].filter((type) => type.startsWith('google_') && !/_iam_(?!custom_role)/.test(type)).sort()
    expect(made).toEqual(Object.keys(PERMISSION_TO_MAKE).sort())
    const unasked = made.filter(
      (type) => PERMISSION_TO_MAKE[type] !== undefined && !asked.includes(PERMISSION_TO_MAKE[type] ?? ''),
    )
    expect(unasked).toEqual([])
  })

  it('gives no basic role', () => {
    expect(everything).not.toMatch(/roles\/(owner|editor|viewer)"/)
  })

  it('waits for no clock that would never settle', () => {
    expect(everything).not.toMatch(/\b(timestamp|plantimestamp|uuid|bcrypt)\(/)
  })
})

describe('variables and outputs', () => {
  it('are typed and described', () => {
    for (const [name, body] of declared.variables) {
      expect({ name, ...body }).toMatchObject({ type: expect.any(String), description: expect.stringMatching(/\.$/) })
    }
    for (const [name, body] of declared.outputs) {
      expect({ name, ...body }).toMatchObject({ description: expect.stringMatching(/\.$/) })
    }
  })

  it('are validated unless every value of their type is good', () => {
    const unchecked = [...declared.variables].filter(([, body]) => body.validation === undefined).map(([name]) => name)
    expect(unchecked).toEqual(['production', 'deletion_protection'])
  })

  it('say the fix when a value is refused: every validation has a run that trips it', () => {
    const tests = readFileSync(join(MODULE, 'tests/validation.tftest.hcl'), 'utf8')
    for (const [name, body] of declared.variables) {
      if (body.validation === undefined) continue
      const validations = z.array(z.object({ error_message: z.string().min(30) })).parse(body.validation)
      const runs = tests.split(`expect_failures = [var.${name}]`).length - 1
      expect({ name, enough: runs >= validations.length }).toEqual({ name, enough: true })
    }
  })
})

describe('pipeline.yaml', () => {
  it('indexes exactly the fields that the ledger asks by', () => {
    const files = ['shared/ledger/firestore.ts', 'scripts/cio/secrets/hash-keys.ts', 'scripts/cio/person/ledger.ts']
    const code = files.map((file) => readFileSync(join(PROJECT_ROOT, file), 'utf8')).join('\n')
    const asked = [
      ...code.matchAll(/\.(?:where|orderBy)\(\s*'(\w+)',\s*'([^']+)'/g),
      ...code.matchAll(/field: '(\w+)', op: '(\w+)'/g),
    ]
    const lists: readonly (string | undefined)[] = ['array-contains', 'contains']
    const fields = (of: (operator: string | undefined) => boolean) =>
      [...new Set(asked.flatMap(([, field, operator]) => (of(operator) ? [field] : [])))].sort()
    expect(fields((operator) => lists.includes(operator))).toEqual([...topology.ledger.indexed_lists].sort())
    expect(fields((operator) => !lists.includes(operator))).toEqual([...topology.ledger.indexed_fields].sort())
  })

  it('lets nothing but reminders reach who waits for them: Secret Manager publishes every change of a secret', () => {
    const { subscriptions, secret_rotation } = topology
    const filters = Object.values(subscriptions).flatMap(({ topic, filter }) =>
      topic === secret_rotation.topic ? [filter] : [],
    )
    expect(filters).toEqual(['attributes.eventType = "SECRET_ROTATE"'])
  })

  it('names views that read tables, not other views, so that they can be made in any order', () => {
    for (const [name, { query }] of Object.entries(topology.bigquery.views)) {
      const sql = readFileSync(join(MODULE, query), 'utf8')
      const read = [...sql.matchAll(/\$\{dataset\}`?\.`?(\w+)/g)].map(([, table]) => table)
      expect({ name, read }).toEqual({ name, read: expect.arrayContaining([expect.any(String)]) })
      expect(Object.keys(topology.bigquery.tables)).toEqual(expect.arrayContaining(read))
    }
  })
})

describe('an environment', () => {
  it.each(ENVIRONMENTS)('%s passes on every value it has, and has every value it passes on', async (environment) => {
    const directory = join(MODULE, 'environments', environment)
    const { modules } = await readModule(directory)
    const values = z.record(z.string(), z.unknown()).parse(parse(readFileSync(join(directory, 'values.yaml'), 'utf8')))
    const { source, pipeline, bundle_dir, bundles, ...passed } = modules.get('pipeline') ?? {}
    expect(source).toBe('../..')
    expect(passed).toEqual(Object.fromEntries(Object.keys(values).map((key) => [key, `\${local.values.${key}}`])))
    expect([...declared.variables.keys()].sort()).toEqual(
      [...Object.keys(values), 'pipeline', 'pipeline_dir', 'bundle_dir', 'bundles'].sort(),
    )
    expect([pipeline, bundle_dir]).toEqual([expect.stringContaining('pipeline.yaml'), expect.stringContaining('dist')])
    expect(bundles).toBe(`\${var.bundles}`)
  })

  it.each(ENVIRONMENTS)('%s differs from the others in its values and its state only', (environment) => {
    const read = (name: string, file: string) => readFileSync(join(MODULE, 'environments', name, file), 'utf8')
    expect(read(environment, 'main.tf')).toBe(read('dev', 'main.tf'))
    const normal = (text: string, name: string) => text.replaceAll(`-${name}-terraform`, '-terraform')
    expect(normal(read(environment, 'versions.tf'), environment)).toBe(normal(read('dev', 'versions.tf'), 'dev'))
  })
})
