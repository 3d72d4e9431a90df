import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { parseLogFilter, valueAt } from '../../../scripts/emulators/logging/index.ts'
import { readTopology } from '../../../scripts/topology/topology.ts'
import { MODULE } from '../hcl.ts'
import { CUSTOMERIO_ADDRESS, instanceEntry, PROJECT, requestEntry } from './entries.ts'
import { holds, opened, opens, type Scenario } from './evaluate.ts'
import { ENDS, messageLines } from './function-lines.ts'
import { forgeries, outageOfCustomerIo, subscription, withoutPublicWayIn } from './happenings.ts'
import { readMonitoring } from './monitoring.ts'
import { PAIRS } from './pairs.ts'

/** Every alert that is planned for prod, fed with what it watches and with what it must not mind. */

const monitoring = readMonitoring()
const burns = (name: string) => JSON.stringify(monitoring.alerts[name]).includes('select_slo_burn_rate')

const planned = Object.entries(monitoring.alerts).flatMap(([name, alert]) =>
  burns(name) ? [`${name}: `] : Object.keys(alert.conditions).map((condition) => `${name}: ${condition}`),
)
const paired = Object.entries(PAIRS).flatMap(([name, conditions]) =>
  Object.entries(conditions).map(([condition, pair]) => ({ name, condition, pair })),
)

it('every condition of every alert has something that opens it and a neighbour that does not', () => {
  expect(paired.map(({ name, condition }) => `${name}: ${condition}`).sort()).toEqual([...planned].sort())
})

describe.each(paired)('$name: $condition', ({ name, condition, pair }) => {
  function happens(scenario: Scenario): boolean {
    const alert = monitoring.alerts[name]
    if (alert === undefined) throw new Error(`no alert ${name}`)
    const only = alert.conditions[condition]
    return only === undefined ? opens(alert, scenario, monitoring) : holds(only, scenario, monitoring)
  }
  it('fires', async () => {
    const scenarios = [await pair.fires()].flat()
    expect(scenarios.map(happens)).toEqual(scenarios.map(() => true))
  })
  it('is silent next to it', async () => expect(happens(await pair.silent())).toBe(false))
})

describe('what a night looks like', () => {
  it('an outage of Customer.io is late messages, and no defect of ours', async () => {
    expect(opened(await outageOfCustomerIo(), withoutSilence())).toEqual(['backlog', 'freshness-slow'])
  })

  it('a webhook that nobody may call is told of at the first request', async () => {
    const scenario = await withoutPublicWayIn()
    const at = (minutes: number) => opened({ ...scenario, minutes }, withoutSilence())
    expect(at(2)).toContain('webhook')
    expect(opened(scenario, withoutSilence())).toEqual(['webhook', 'webhook-fast', 'webhook-slow'])
  })

  it('forged webhooks wake nobody', async () => {
    expect(opened(await forgeries(), withoutSilence())).toEqual([])
  })

  it('a webhook or a probe that never worked is told of, although it never had a point to lose', () => {
    expect(opened({ minutes: 0 }, monitoring)).toEqual(['probe-silence', 'webhook-silence'])
  })
})

/** These nights are shorter than the silence that is told of. */
function withoutSilence() {
  const { 'webhook-silence': webhooks, 'probe-silence': rounds, ...alerts } = monitoring.alerts
  expect([webhooks, rounds]).not.toContain(undefined)
  return { ...monitoring, alerts }
}

describe('every subscription is watched:', () => {
  const { subscriptions, functions } = readTopology()
  const ages = (name: string, days: number) => ({
    series: [subscription(name, 'oldest_unacked_message_age', days * 86_400)],
    minutes: 15,
  })
  const sources = Object.entries(subscriptions).flatMap(([name, { dead_letter_topic: topic }]) =>
    topic === undefined ? [] : [{ name, topic }],
  )

  it.each(sources)('what waits in $name', ({ name }) => {
    expect(opened(ages(name, 1), withoutSilence())).toContain('backlog')
  })

  it.each([...new Set(sources.map(({ topic }) => topic))])('dead letters of %s', (topic) => {
    const [reader = ''] = Object.entries(subscriptions).flatMap(([name, one]) => (one.topic === topic ? [name] : []))
    const loud = ['dead-letters-aging', 'dead-letters-expiring', 'dead-letters-waiting']
    expect(opened(ages(reader, 25), withoutSilence())).toEqual(loud)
  })

  it.each(Object.keys(functions))('crashes of %s', (name) => {
    const entry = instanceEntry(name, 'WARNING', 'Container called exit(1).')
    expect(opened({ written: [{ entry, minutes: [0], times: 1 }], minutes: 5 }, withoutSilence())).toEqual([
      'function-errors',
    ])
  })
})

it('no alert, SLO or metric rests on metrics of Google that leave lines out, or count its own as ours', () => {
  expect(JSON.stringify(monitoring)).not.toMatch(/log_entry_count|run\.googleapis\.com\/request_count/)
})

it('dead letters are told of more loudly the older they are', () => {
  const severities = ['dead-letters-waiting', 'dead-letters-aging', 'dead-letters-expiring'].map(
    (name) => monitoring.alerts[name]?.severity,
  )
  expect(severities).toEqual(['WARNING', 'ERROR', 'CRITICAL'])
})

describe('the exclusion of request lines', () => {
  const leavesOut = parseLogFilter(monitoring.exclusions.find((filter) => filter.includes('httpRequest')) ?? '')

  it('leaves out all but a share of those that succeeded', () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => requestEntry({ status: 204, insertId: index / 1_000 }))
    expect(lines.filter((line) => !leavesOut(line))).toHaveLength(10)
  })

  it.each([400, 401, 403, 429, 500, 503])('keeps every %i', (status) => {
    expect(leavesOut(requestEntry({ status }))).toBe(false)
  })

  it('keeps those of other services', () => {
    expect(leavesOut(requestEntry({ status: 200, service: 'billing' }))).toBe(false)
  })
})

describe('the exclusion of delivered messages', () => {
  const leavesOut = parseLogFilter(monitoring.exclusions.find((filter) => filter.includes('jsonPayload')) ?? '')

  it('leaves out all but a share of them, and no other line', async () => {
    const entries = await messageLines(Object.values(ENDS))
    const kept = (insertId: number) =>
      entries
        .filter((entry) => !leavesOut(Object.assign({}, entry, { insertId })))
        .map((entry) => valueAt(entry, 'jsonPayload.outcome'))
    expect(kept(0.995)).toContain('delivered')
    expect(kept(0.5)).toEqual(kept(0.995).filter((outcome) => outcome !== 'delivered'))
  })
})

it('knows the addresses that Customer.io sends from, of each data centre', () => {
  const addresses = z
    .record(z.enum(['us', 'eu']), z.array(z.ipv4()).min(10))
    .parse(parseYaml(readFileSync(join(MODULE, 'webhook-addresses.yaml'), 'utf8')))
  expect(addresses.eu).toContain(CUSTOMERIO_ADDRESS)
  for (const list of Object.values(addresses)) expect(new Set(list).size).toBe(list.length)
})

it('reads the plan of the project whose entries it makes', () => {
  expect(monitoring.project).toBe(PROJECT)
})
