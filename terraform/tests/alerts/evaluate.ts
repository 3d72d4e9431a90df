import { parseLogFilter } from '../../../scripts/emulators/logging/index.ts'
import type { Alert, Condition, Monitoring, Threshold } from './monitoring.ts'
import { fieldOf, type Point, parseSeriesFilter, type Series, seriesOf, type Written } from './series.ts'

/** What happened: log entries, and the series of Google's own metrics. */
export interface Scenario {
  readonly written?: readonly Written[]
  readonly series?: readonly Series[]
  /** How long the alert is watched. */
  readonly minutes: number
}

/** The scenario with the series that its log entries make. */
function counted(scenario: Scenario, monitoring: Monitoring): Scenario {
  return { ...scenario, series: [...(scenario.series ?? []), ...seriesOf(scenario.written ?? [], monitoring)] }
}

/** Evaluates alerts as https://cloud.google.com/monitoring/alerts/concepts-indepth describes it, once a minute. */
export function opens(alert: Alert, scenario: Scenario, monitoring: Monitoring): boolean {
  return opensOn(alert, counted(scenario, monitoring), monitoring)
}

function opensOn(alert: Alert, scenario: Scenario, monitoring: Monitoring): boolean {
  const conditions = Object.values(alert.conditions).map((condition) => holdsAt(condition, scenario, monitoring))
  return minutesOf(scenario).some((minute) =>
    alert.combiner === 'AND' ? conditions.every((holds) => holds(minute)) : conditions.some((holds) => holds(minute)),
  )
}

/** The names of all alerts that open. */
export function opened(scenario: Scenario, monitoring: Monitoring): string[] {
  return Object.entries(monitoring.alerts).flatMap(([name, alert]) =>
    opens(alert, scenario, monitoring) ? [name] : [],
  )
}

/** Whether one condition holds at some minute. */
export function holds(condition: Condition, scenario: Scenario, monitoring: Monitoring): boolean {
  return minutesOf(scenario).some(holdsAt(condition, counted(scenario, monitoring), monitoring))
}

const minutesOf = ({ minutes }: Scenario) => Array.from({ length: minutes + 1 }, (_, minute) => minute)

function holdsAt(condition: Condition, scenario: Scenario, monitoring: Monitoring): (minute: number) => boolean {
  const { written = [], series = [] } = scenario
  const { threshold, log, promql } = condition
  if (log !== undefined) {
    const matches = parseLogFilter(log.filter)
    return (minute) => written.some(({ entry, minutes }) => minutes.includes(minute) && matches(entry))
  }
  if (promql !== undefined) return belowInPromql(promql.query, series)
  if (threshold === undefined) throw new Error('a condition of a kind that is not evaluated')
  const [, slo, window] = /^select_slo_burn_rate\("([\w-]+)", "(\d+)s"\)$/.exec(threshold.filter) ?? []
  if (slo === undefined) return exceeds(threshold, series)
  return (minute) => burnRate(slo, Number(window) / 60, minute, series, monitoring) > threshold.above
}

const within = (points: readonly Point[], minute: number, minutes: number) =>
  points.filter((point) => point.minute > minute - minutes && point.minute <= minute).map(({ value }) => value)
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const minutes = (duration: string) => Number(duration.replace('s', '')) / 60

function exceeds(threshold: Threshold, series: readonly Series[]): (minute: number) => boolean {
  const { aggregation, denominator } = threshold
  if (aggregation === undefined) throw new Error(`no aggregation for ${threshold.filter}`)
  const { aligner, reducer, group_by, period } = aggregation

  const groupsOf = (filter: string) =>
    Map.groupBy(series.filter(parseSeriesFilter(filter)), (one) =>
      group_by.map((field) => fieldOf(one, field)).join(' '),
    )
  const above = groupsOf(threshold.filter)
  const below = denominator === undefined ? undefined : groupsOf(denominator)

  /** The value of a group; undefined while it has no points. */
  function valueAt(group: readonly Series[], minute: number): number | undefined {
    const aligned = group.flatMap(({ points }) => {
      const values = within(points, minute, minutes(period))
      if (values.length === 0) return []
      return [aligner === 'ALIGN_DELTA' ? sum(values) : Math.max(...values)]
    })
    if (aligned.length === 0) return undefined
    return reducer === 'REDUCE_SUM' ? sum(aligned) : Math.max(...aligned)
  }
  function isAbove(name: string, minute: number): boolean {
    const value = valueAt(above.get(name) ?? [], minute)
    if (value === undefined) return false
    if (below === undefined) return value > threshold.above
    const whole = valueAt(below.get(name) ?? [], minute)
    return whole !== undefined && value / whole > threshold.above
  }
  // As long as the condition has to last, without a minute at which it does not hold.
  const lasting = minutes(threshold.duration)
  return (minute) =>
    [...above.keys()].some((name) =>
      Array.from({ length: lasting + 1 }, (_, ago) => minute - ago).every((past) => isAbove(name, past)),
    )
}

/** How many times faster than its goal allows an SLO is missed; 0 without anything to judge. */
function burnRate(
  name: string,
  lookBack: number,
  minute: number,
  series: readonly Series[],
  { slos }: Monitoring,
): number {
  const slo = slos[name]
  if (slo === undefined) throw new Error(`there is no SLO ${name}`)
  const { good, bad } = slo.ratio === undefined ? windowsOf() : countsOf(slo.ratio)
  return good + bad === 0 ? 0 : bad / (good + bad) / (1 - slo.goal)

  function countsOf(filters: { good: string; bad: string }) {
    const count = (filter: string) =>
      sum(series.filter(parseSeriesFilter(filter)).flatMap(({ points }) => within(points, minute, lookBack)))
    return { good: count(filters.good), bad: count(filters.bad) }
  }
  function windowsOf() {
    if (slo?.windows === undefined) throw new Error(`the SLO ${name} is of a kind that is not evaluated`)
    const { period, sum_of, max } = slo.windows
    const gauges = series.filter(parseSeriesFilter(sum_of))
    const ends = Array.from({ length: lookBack / minutes(period) }, (_, ago) => minute - ago * minutes(period))
    const sums = ends.flatMap((end) => {
      const means = gauges.flatMap(({ points }) => {
        const values = within(points, end, minutes(period))
        return values.length === 0 ? [] : [sum(values) / values.length]
      })
      return means.length === 0 ? [] : [sum(means)]
    })
    return { good: sums.filter((age) => age <= max).length, bad: sums.filter((age) => age > max).length }
  }
}

const INCREASE =
  /^\(sum\(increase\(logging_googleapis_com:user_(\w+)\{monitored_resource="(\w+)",(\w+)=~"([^"]+)"\}\[(\d+)h\]\)\) or vector\(0\)\) < ([\d.]+)$/

/** `(sum(increase(metric{…}[12h])) or vector(0)) < 0.5`: also true of a metric that never had a point. */
function belowInPromql(query: string, series: readonly Series[]): (minute: number) => boolean {
  const [, name, resource, label = '', pattern, hours, limit] = INCREASE.exec(query) ?? []
  if (name === undefined) throw new Error(`cannot read: ${query}`)
  const counted = series.filter(
    ({ metric, resource: { type } }) =>
      metric.type.replace('logging.googleapis.com/user/', '').replaceAll('/', '_') === name &&
      type === resource &&
      new RegExp(`^(?:${pattern})$`).test(metric.labels[label] ?? ''),
  )
  return (minute) => sum(counted.flatMap(({ points }) => within(points, minute, Number(hours) * 60))) < Number(limit)
}
