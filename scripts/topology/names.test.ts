import { accountId, metricName, ownName, withNamePrefix } from './names.ts'
import { readTopology } from './topology.ts'

const topology = readTopology()

describe('the topology behind a prefix', () => {
  const deployed = withNamePrefix(topology, 'uk-')

  it('has every name with the prefix, and under each what it had', () => {
    const { topics, subscriptions, functions, secrets, secret_rotation, record, probe, ledger, bigquery } = deployed
    const names = [
      ...[topics, subscriptions, functions].flatMap((each) => Object.keys(each)),
      ...Object.values(subscriptions).flatMap(({ topic, push, dead_letter_topic }) => [topic, push, dead_letter_topic]),
      ...Object.values(functions).flatMap(({ publishes, probes }) => [publishes, ...probes]),
      ...Object.values(secrets).map(({ id }) => id),
      ...[secret_rotation.topic, record.topic, probe.topic, ledger.database],
    ].filter((name) => name !== undefined)
    expect(names.filter((name) => !name.startsWith('uk-'))).toEqual([])
    expect(bigquery.dataset).toBe(`uk_${topology.bigquery.dataset}`)
    const json = (value: object) => JSON.stringify(value).replaceAll(/"uk[-_]/g, '"')
    expect(JSON.parse(json(deployed))).toEqual(JSON.parse(JSON.stringify(topology)))
  })

  it('leads back to the names of pipeline.yaml', () => {
    expect(Object.keys(deployed.topics).map((name) => ownName(deployed, name))).toEqual(Object.keys(topology.topics))
    expect(metricName(deployed, 'messages')).toBe('uk-customerio/messages')
  })

  it('is the same where there is no prefix', () => {
    expect(withNamePrefix(topology, '')).toEqual(topology)
  })
})

// What Terraform plans for examples/two-pipelines.
it.each([
  ['', 'transactional-function', 'transactional-function'],
  ['acme-outdoor1-', 'customerio-build', 'acme-outdoor1-customerio-build'],
  ['acme-outdoor1-', 'identify-function', 'acme-outdoor1-identify-45379c'],
  ['acme-outdoor1-', 'transactional-push', 'acme-outdoor1-transacti-b87661'],
  ['acme-outdoor1-', 'transactional-bulk-push', 'acme-outdoor1-transacti-463067'],
])('the account %s%s is %s', (prefix, name, id) => {
  expect(accountId(prefix, name)).toBe(id)
  expect(id.length).toBeLessThanOrEqual(30)
})
