import { MODULE, type Module, readModule } from './hcl.ts'
import { NAME, NAMELESS, WITHIN, wrongNames } from './names.ts'

/**
 * Two pipelines in one project have no name in common. Here the module's code is read; names.ts reads what Terraform plans for
 * examples/two-pipelines.
 */

describe('the module', () => {
  let declared: Module

  beforeAll(async () => {
    declared = await readModule(MODULE)
  })

  /** Every argument that is a name, as `type.argument`, with its expression. */
  function names(): readonly { readonly of: string; readonly argument: string; readonly expression: string }[] {
    return [...declared.resources].flatMap(([address, body]) => {
      const [type = ''] = address.split('.')
      return Object.entries(body).flatMap(([argument, expression]) =>
        NAME.test(argument) && argument !== 'project_id' && typeof expression === 'string'
          ? [{ of: address, argument: `${type}.${argument}`, expression }]
          : [],
      )
    })
  }

  it('makes every name in names.tf, or takes it from a resource that has one', () => {
    const own = /local\.names\.|local\.display_environment|var\.name_prefix|\bgoogle_\w+\.\w+/
    const others = names().filter(
      ({ of, argument, expression }) => !of.includes('_iam_') && !(argument in WITHIN) && !own.test(expression),
    )
    expect(others).toEqual([])
  })

  it('leaves out the prefix only of names that exist', () => {
    const all = new Set(names().map(({ argument }) => argument))
    expect(Object.keys(WITHIN).filter((argument) => !all.has(argument))).toEqual([])
    const types = new Set([...declared.resources.keys()].map((address) => address.split('.')[0]))
    expect(Object.keys(NAMELESS).filter((type) => !types.has(type))).toEqual([])
  })

  it('uses the names of pipeline.yaml in no filter', () => {
    const filters = [...declared.sources].flatMap(([file, text]) =>
      text
        .split('\n')
        .filter((line) => /: "\\"\$\{name\}\\""/.test(line) && !line.includes('for name in values(local.names.'))
        .map((line) => `${file}: ${line.trim()}`),
    )
    expect(filters).toEqual([])
  })
})

describe('a plan', () => {
  const pipeline = (name: string, prefix: string, over: Readonly<Record<string, object>> = {}) => ({
    address: `module.${name}`,
    resources: Object.entries({
      'google_pubsub_topic.topic': { name: `${prefix}track` },
      'google_bigquery_dataset.warehouse': { dataset_id: `${prefix.replaceAll('-', '_')}customerio` },
      'google_project_iam_custom_role.replayer': { role_id: `${prefix.replaceAll('-', '_')}customerio_replayer` },
      'google_project_iam_custom_role.pauser': { role_id: `${prefix.replaceAll('-', '_')}customerio_pauser` },
      'google_bigquery_table.table': { dataset_id: `${prefix.replaceAll('-', '_')}customerio`, table_id: 'events' },
      'google_monitoring_alert_policy.alert': {
        display_name: `Customer.io ${prefix}prod: late`,
        conditions: [{ filter: `resource.labels.subscription_id=one_of("${prefix}track", "${prefix}identify")` }],
      },
      'google_monitoring_dashboard.pipeline': {
        dashboard_json: JSON.stringify({ displayName: `Customer.io ${prefix}prod` }),
      },
      'google_project_service.api': { service: 'run.googleapis.com' },
      ...over,
    }).map(([address, values]) => ({
      address: `module.${name}.${address}`,
      mode: 'managed',
      type: address.split('.')[0],
      values,
    })),
  })
  const wrong = (over?: Readonly<Record<string, object>>, prefix = 'uk-') =>
    wrongNames({
      planned_values: { root_module: { child_modules: [pipeline('first', ''), pipeline('uk', prefix, over)] } },
      configuration: {
        root_module: {
          module_calls: {
            first: { expressions: {} },
            uk: { expressions: { name_prefix: { constant_value: prefix } } },
          },
        },
      },
    })

  it('is good when each name has its prefix', () => {
    expect(wrong()).toEqual([])
  })

  it.each([
    ['a name', { 'google_pubsub_topic.topic': { name: 'orders' } }, 'name is orders, without uk-'],
    [
      'a hyphen in a dataset',
      { 'google_bigquery_dataset.w': { dataset_id: 'uk-x' } },
      'dataset_id is uk-x, without uk-',
    ],
    ['a title', { 'google_monitoring_alert_policy.a': { display_name: 'Late' } }, 'display_name is Late, without uk-'],
    [
      "another pipeline's subscription",
      {
        'google_monitoring_alert_policy.a': { display_name: 'uk-', filter: 'subscription_id=one_of("uk-a", "track")' },
      },
      'looks at the subscription_id track, without uk-',
    ],
    [
      "another pipeline's metric",
      {
        'google_monitoring_alert_policy.a': {
          display_name: 'uk-',
          filter: 'metric.type="logging.googleapis.com/user/customerio/messages"',
        },
      },
      'looks at the metric customerio/messages, without uk-',
    ],
    ['a kind that nobody has thought of', { 'google_new_thing.x': { size: '1' } }, 'no name, and not in NAMELESS'],
  ])('is wrong with %s', (_, over, line) => {
    expect(wrong(over)).toEqual([expect.stringContaining(line)])
  })

  it('is wrong with one name twice', () => {
    expect(wrong(undefined, '')).toHaveLength(7)
  })
})
