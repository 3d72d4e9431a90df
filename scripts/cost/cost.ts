import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { PROJECT_ROOT, type Topology } from '../topology/topology.ts'

/**
 * Multiplies `terraform/cost/model.yaml` with its prices, as `terraform/cost/main.tf` does. Both are held to
 * `terraform/cost/examples.yaml`. What is counted, and what a line means, is said in the model.
 */

const number = z.number().nonnegative()
const price = z.object({ usd: number, unit: z.number().positive(), per: z.string(), source: z.url() })

/** Where the record of what became of a message may be kept. */
export const OUTCOMES = ['log_lines', 'bigquery_subscription', 'warehouse_function', 'log_sink'] as const
const outcomes = z.enum(OUTCOMES)

const lineSchema = z.strictObject({
  when: outcomes.optional(),
  per: z.string(),
  of: z.enum(['deliver', 'send', 'receive', 'store', 'all', 'environment']),
  times: z
    .array(z.union([z.string(), number]))
    .max(3) // main.tf multiplies no more
    .default([]),
  price: z.string(),
})

const byKind = z.strictObject({ deliver: number, receive: number, store: number })

export const costEnvironment = z.strictObject({
  secret_versions: number,
  alert_conditions: number,
  log_metrics: number,
  probe: number,
})

const modelSchema = z.strictObject({
  assumptions: z.looseObject({
    held_seconds: byKind,
    cpu_seconds: byKind,
    utilization: z.number().positive(),
    batch_requests_per_second: number,
    bytes_per_message: z.number().min(1_000),
  }),
  environment: costEnvironment,
  webhooks_per_message: number,
  options: z.strictObject({
    request_log_share: number.max(1),
    delivered_log_share: number.max(1),
    backup_copies: number,
    point_in_time: number,
    outcome_months: number,
    retained_months: number,
    outcomes,
  }),
  lines: z.record(z.string(), z.array(lineSchema).min(1)),
})

export type CostModel = z.infer<typeof modelSchema> & {
  readonly prices: Readonly<Record<string, z.infer<typeof price>>>
}
export type CostOptions = CostModel['options']

export const kind = z.enum(['deliver', 'send', 'receive', 'store'])
export const costFunction = z.strictObject({
  kinds: z.array(kind),
  vcpu: number,
  gib: number,
  subscriptions: number,
  secrets: number,
  warm: number,
})

export type CostFunction = z.infer<typeof costFunction>
export type CostEnvironment = z.infer<typeof costEnvironment>

export interface CostQuestion {
  readonly functions: Readonly<Record<string, CostFunction>>
  /** By function, in 30 days. */
  readonly messagesPerMonth: Readonly<Record<string, number>>
  readonly environment: CostEnvironment
  readonly options?: Partial<CostOptions>
  /** Of functions whose instances and requests were measured, instead of the model's assumption. */
  readonly measured?: Readonly<Record<string, { readonly busySeconds: number; readonly customerioRequests: number }>>
}

const MONTH_SECONDS = 30 * 86_400

/** @throws with the path of what is wrong in the model or its prices */
export function readCostModel(root: string = PROJECT_ROOT): CostModel {
  const read = (file: string) => parse(readFileSync(join(root, 'terraform/cost', file), 'utf8'))
  const { prices } = z.object({ prices: z.record(z.string(), price) }).parse(read('prices.yaml'))
  return { ...modelSchema.parse(read('model.yaml')), prices }
}

/** Dollars per month, by item. Pure. */
export function costOf(model: CostModel, question: CostQuestion): Readonly<Record<string, number>> {
  const options = { ...model.options, ...question.options }
  const factors: Readonly<Record<string, unknown>> = { ...model.assumptions, ...options, ...question.environment }
  const counted = countsOf(model, question)
  const factorOf = (factor: string | number) => number.parse(typeof factor === 'string' ? factors[factor] : factor)
  return Object.fromEntries(
    Object.entries(model.lines).map(([item, lines]) => {
      const dollars = lines
        .filter(({ when = options.outcomes }) => when === options.outcomes)
        .map(({ per, of, times, price: name }) => {
          const { usd, unit } = price.parse(model.prices[name])
          const count = counted.flatMap(({ kinds, counts }) => (kinds.includes(of) ? [number.parse(counts[per])] : []))
          return (times.reduce((product: number, factor) => product * factorOf(factor), sum(count)) * usd) / unit
        })
      return [item, sum(dollars)]
    }),
  )
}

function countsOf({ assumptions }: CostModel, { functions, messagesPerMonth, environment, measured }: CostQuestion) {
  const { held_seconds: held, cpu_seconds: cpu, utilization, batch_requests_per_second: batches } = assumptions
  const ofFunctions = Object.entries(functions).map(([name, { kinds, vcpu, gib, subscriptions, secrets, warm }]) => {
    const message = messagesPerMonth[name] ?? 0
    const work = kinds.find((each) => each !== 'send')
    const instances =
      work === undefined ? 0 : Math.max(1, Math.ceil(((message / MONTH_SECONDS) * cpu[work]) / utilization))
    const assumed = work === undefined ? 0 : Math.min(message * held[work], MONTH_SECONDS * instances)
    const busy = measured?.[name]?.busySeconds ?? assumed
    const requests = kinds.includes('send') ? message : Math.min(message, MONTH_SECONDS * batches)
    const counts: Readonly<Record<string, number>> = {
      message,
      use: message * (1 + subscriptions),
      customerio_request: measured?.[name]?.customerioRequests ?? requests,
      vcpu_second: busy * vcpu,
      gib_second: busy * gib,
      idle_vcpu_second: MONTH_SECONDS * warm * vcpu,
      idle_gib_second: MONTH_SECONDS * warm * gib,
      secret_read: (busy / 60) * secrets,
    }
    return { kinds: [...kinds, 'all'], counts }
  })
  const counts = {
    secret_version: environment.secret_versions,
    alert_condition: environment.alert_conditions,
    log_metric: environment.log_metrics,
    probe: environment.probe,
  }
  return [...ofFunctions, { kinds: ['environment'], counts: counts as Readonly<Record<string, number>> }]
}

/** The functions of `pipeline.yaml`, as `terraform/cost.tf` describes them to the model. */
export function costFunctions({ functions, subscriptions, secrets }: Topology): Readonly<Record<string, CostFunction>> {
  const pushing = Object.values(subscriptions).filter(({ push }) => push !== undefined)
  return Object.fromEntries(
    Object.entries(functions).map(([name, f]) => {
      const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(f.memory) ?? []
      const described: CostFunction = {
        kinds: [
          ...(f.rate_share === undefined ? [] : (['deliver'] as const)),
          ...(f.ledger ? (['send'] as const) : []),
          ...(f.publishes === undefined ? [] : (['receive'] as const)),
          ...(f.warehouse ? (['store'] as const) : []),
        ],
        vcpu: Number(f.cpu),
        gib: Number(amount) / (unit === 'Gi' ? 1 : 1_024),
        subscriptions: pushing.filter(({ topic }) => pushing.some((own) => own.push === name && own.topic === topic))
          .length,
        secrets: f.secrets.reduce((sum, name) => sum + (secrets[name]?.is_credential ? 1 : 3), 0),
        warm: f.min_instances,
      }
      return [name, described]
    }),
  )
}

const valuesSchema = z.looseObject({
  min_instances: z.record(z.string(), number),
  request_log_share: number.max(1),
  delivered_log_share: number.max(1),
  ledger_backup_days: number,
  message_outcomes_expiration_days: number.nullable(),
})
/** The model looks no further ahead than a year. */
const YEAR_DAYS = 360

/** The functions and options of prod, by its `values.yaml`. */
export function readProd(
  topology: Topology,
  root: string = PROJECT_ROOT,
): Pick<CostQuestion, 'functions'> & Pick<CostModel, 'options'> {
  const text = readFileSync(join(root, 'terraform/environments/prod/values.yaml'), 'utf8')
  const {
    min_instances: warm,
    request_log_share,
    delivered_log_share,
    ledger_backup_days: days,
    message_outcomes_expiration_days: outcomeDays,
  } = valuesSchema.parse(parse(text))
  const functions = Object.entries(costFunctions(topology)).map(([name, f]) => [
    name,
    { ...f, warm: warm[name] ?? f.warm },
  ])
  return {
    functions: Object.fromEntries(functions),
    options: {
      request_log_share,
      delivered_log_share,
      backup_copies: days,
      point_in_time: days > 0 ? 1 : 0,
      outcome_months: Math.min(YEAR_DAYS, outcomeDays ?? YEAR_DAYS) / 30,
      retained_months: Math.max(...Object.values(topology.topics).map(({ retention_days: days }) => days)) / 30,
      outcomes: 'bigquery_subscription',
    },
  }
}

export const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
