import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { withBulkLane } from '../topology/testing.ts'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { costEnvironment, costFunction, costFunctions, costOf, OUTCOMES, readCostModel, readProd, sum } from './cost.ts'
import { README, withCost } from './table.ts'

const byName = z.record(z.string(), z.number())
const examples = z
  .object({
    functions: z.record(z.string(), costFunction),
    environment: costEnvironment,
    options: z.object({ request_log_share: z.number(), backup_copies: z.number(), point_in_time: z.number() }),
    days: z.record(z.string(), z.object({ messages_per_month: byName, usd: byName })),
    choices: z.object({ request_log_share: z.number(), request_log: z.number(), outcomes: byName }),
  })
  .parse(parse(readFileSync(join(PROJECT_ROOT, 'terraform/cost/examples.yaml'), 'utf8')))
const model = readCostModel()
const { functions, environment, options, choices } = examples
const rounded = (usd: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(usd).map(([item, dollars]) => [item, Number(dollars.toFixed(2))]))

it.each(Object.entries(examples.days))('%s messages a day cost what was worked out by hand', (_name, day) => {
  const usd = costOf(model, { functions, environment, options, messagesPerMonth: day.messages_per_month })
  expect(rounded(usd)).toEqual(day.usd)
})

it.each(OUTCOMES)('the record of outcomes in %s costs what was worked out by hand', (outcomes) => {
  const { request_log_share } = choices
  const usd = costOf(model, {
    functions,
    environment,
    options: { request_log_share, outcomes },
    messagesPerMonth: examples.days.hundred_million?.messages_per_month ?? {},
  })
  expect(rounded({ outcomes: usd.outcomes ?? 0, request_log: usd.request_log ?? 0 })).toEqual({
    outcomes: choices.outcomes[outcomes],
    request_log: choices.request_log,
  })
})

it('takes what was measured of a function instead of its assumption', () => {
  const messagesPerMonth = { track: 1e6, transactional: 0, webhook: 0, warehouse: 0 }
  const question = {
    functions: { ...functions, webhook: { kinds: [], vcpu: 1, gib: 1, subscriptions: 0, secrets: 0, warm: 0 } },
  }
  const usd = costOf(model, {
    ...question,
    environment,
    messagesPerMonth,
    measured: { track: { busySeconds: 1e6, customerioRequests: 0 } },
  })
  expect(usd.instances).toBeCloseTo(1e6 * (0.000024 + 0.0000025))
  expect(usd.log_lines).toBe(0)
})

it('says what is wrong with a model, instead of leaving it out', () => {
  const broken = (line: object) => ({
    ...model,
    lines: { item: [{ per: 'message', of: 'all' as const, times: [], price: 'egress_gib', ...line }] },
  })
  const ask = (line: object) => costOf(broken(line), { functions, environment, messagesPerMonth: {} })
  expect(() => ask({})).not.toThrow()
  expect(() => ask({ price: 'egres_gib' })).toThrow()
  expect(() => ask({ times: ['bytes_per_mesage'] })).toThrow()
  expect(() => ask({ per: 'massage' })).toThrow()
})

it('counts every function of pipeline.yaml by its kind, and every kind has one', () => {
  const described = costFunctions(readTopology())
  const kinds = Object.entries(described).map(([name, { kinds }]) => [name, kinds.join(' ')])
  expect(Object.fromEntries(kinds)).toMatchObject({
    identify: 'deliver',
    track: 'deliver',
    transactional: 'deliver send',
    webhook: 'receive',
    warehouse: 'store',
  })
  // Reads per minute: three credentials once, the cancellations three times.
  expect(described.track).toMatchObject({ vcpu: 1, gib: 1, subscriptions: 2, secrets: 6 })
  // Each lane's subscription is charged for the messages of the other, whichever function it pushes to.
  const lanes = costFunctions(withBulkLane('track', { part: 0.5 }))
  expect([lanes.track?.subscriptions, lanes['track-bulk']?.subscriptions]).toEqual([2, 2])
  expect(readProd(readTopology())).toMatchObject({ functions: { webhook: { warm: 1 } }, options: { point_in_time: 1 } })
})

it('the environment that the bench and README.md take is what Terraform plans for prod', () => {
  const read = (file: string) => readFileSync(join(PROJECT_ROOT, 'terraform', file), 'utf8')
  const { metrics, alerts } = z
    .looseObject({
      metrics: z.record(z.string(), z.unknown()),
      alerts: z.record(z.string(), z.looseObject({ conditions: z.record(z.string(), z.unknown()) })),
    })
    .parse(JSON.parse(read('tests/fixtures/monitoring.json')))
  const { probe } = z
    .looseObject({ probe: z.looseObject({ enabled: z.boolean() }) })
    .parse(parse(read('environments/prod/values.yaml')))
  expect(model.environment).toEqual({
    secret_versions: Object.keys(readTopology().secrets).length,
    alert_conditions: sum(Object.values(alerts).map(({ conditions }) => Object.keys(conditions).length)),
    log_metrics: Object.keys(metrics).length,
    probe: probe.enabled ? 1 : 0,
  })
})

it('the exclusion of request lines saves what they cost, less the share that is kept', () => {
  const messagesPerMonth = examples.days.hundred_million?.messages_per_month ?? {}
  const [all, few] = [1, 0.01].map((request_log_share) =>
    sum(Object.values(costOf(model, { functions, environment, options: { request_log_share }, messagesPerMonth }))),
  )
  expect((all ?? 0) - (few ?? 0)).toBeCloseTo(5_029.14 * 0.99, 1)
})

it('the README has the tables of the model: npm run cost', () => {
  const readme = readFileSync(README, 'utf8')
  expect(withCost(readme, model, readTopology())).toBe(readme)
  expect(() => withCost('# Cost', model, readTopology())).toThrow('lacks the lines')
  expect(withCost(readme, { ...model, webhooks_per_message: 2 }, readTopology())).not.toBe(readme)
})
