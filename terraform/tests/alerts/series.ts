import { parseLogFilter, valueAt } from '../../../scripts/emulators/logging/index.ts'
import { extracted, type Monitoring } from './monitoring.ts'

/** A point of a time series: a count since the one before, or the state at that minute. */
export interface Point {
  readonly minute: number
  readonly value: number
}

/** A time series as Cloud Monitoring stores it, with minutes for its time. */
export interface Series {
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> }
  readonly metric: { readonly type: string; readonly labels: Readonly<Record<string, string>> }
  readonly points: readonly Point[]
}

/** A log entry, and at which minutes it was written how often. */
export interface Written {
  readonly entry: unknown
  readonly minutes: readonly number[]
  readonly times: number
}

/** What the log-based metrics make of log entries. */
export function seriesOf(written: readonly Written[], { metrics }: Pick<Monitoring, 'metrics'>): Series[] {
  return Object.entries(metrics).flatMap(([type, { filter, labels }]) => {
    const counts = parseLogFilter(filter)
    return written.flatMap(({ entry, minutes, times }) => {
      if (!counts(entry)) return []
      const points = minutes.map((minute) => ({ minute, value: times }))
      return [{ resource: resourceOf(entry), metric: { type, labels: labelsOf(entry, labels) }, points }]
    })
  })
}

function resourceOf(entry: unknown): Series['resource'] {
  const labels = valueAt(entry, 'resource.labels')
  return {
    type: String(valueAt(entry, 'resource.type')),
    labels: Object.fromEntries(Object.entries(labels ?? {}).map(([label, value]) => [label, String(value)])),
  }
}

/** A label whose field an entry lacks is an empty text. */
function labelsOf(entry: unknown, extractors: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(extractors).map(([label, extractor]) => [label, String(valueAt(entry, extracted(extractor)) ?? '')]),
  )
}

const PART = /^([\w.]+)(!?=)(?:"([^"]*)"|one_of\((.*)\)|monitoring\.regex\.full_match\("([^"]*)"\))$/

/** Reads a filter of Cloud Monitoring: comparisons joined by AND. Throws when it holds anything else. */
export function parseSeriesFilter(text: string): (series: Series) => boolean {
  const parts = text.split(' AND ').map((part) => {
    const [, field = '', operator, value, list, pattern] = PART.exec(part) ?? []
    if (operator === undefined) throw new Error(`cannot read ${part} in: ${text}`)
    const values = value === undefined ? [...(list ?? '').matchAll(/"([^"]*)"/g)].map(([, one]) => one) : [value]
    const fits =
      pattern === undefined
        ? (found: string) => values.includes(found)
        : (found: string) => new RegExp(`^(?:${pattern})$`).test(found)
    return (series: Series) => fits(fieldOf(series, field)) === (operator === '=')
  })
  return (series) => parts.every((part) => part(series))
}

/** `metric.labels.x`, or `metric.label.x` in a group-by. */
export function fieldOf(series: Series, field: string): string {
  return String(valueAt(series, field.replace('.label.', '.labels.')) ?? '')
}
