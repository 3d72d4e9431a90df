import { styleText } from 'node:util'
import type { ShownJourney } from './run-journeys.ts'
import { complaintAbout, type SampleResult } from './run-sample.ts'
import { complaintsAboutWarehouse, type WarehouseContents } from './run-webhooks.ts'
import type { Stack } from './stack.ts'

const LABEL_WIDTH = 52

/** One line per message: what was published, and what became of it. */
export function describeResults(results: readonly SampleResult[]): string {
  return results.map(describeResult).join('\n')
}

function describeResult(result: SampleResult): string {
  const { message, attempts, deadLetter } = result
  const complaint = complaintAbout(result)
  const outcome =
    deadLetter !== undefined
      ? `${styleText('yellow', 'refused')}    ${deadLetter.reason}: ${deadLetter.error}`
      : attempts > 1
        ? `${styleText('green', 'delivered')}  at attempt ${attempts}`
        : styleText('green', 'delivered')
  const line = `  ${message.topic.padEnd(14)}${message.label.padEnd(LABEL_WIDTH)}${outcome}`
  return complaint === undefined ? line : `${line}\n${styleText('red', `                ! ${complaint}`)}`
}

/** What the local Customer.io received, by kind. */
export function describeInbox(stack: Stack): string {
  const kinds = new Map<string, number>()
  for (const { kind, result } of stack.customerio.inbox.of()) {
    const name = result === 'refused' ? `${kind} (refused)` : kind
    kinds.set(name, (kinds.get(name) ?? 0) + 1)
  }
  const { requests, batches } = stack.customerio.statistics()
  const counts = [...kinds].map(([kind, count]) => `  ${String(count).padStart(4)}  ${kind}`)
  return [`${requests} requests, ${batches.items} operations in ${batches.requests} batches`, ...counts].join('\n')
}

/** Where everything is, and what a person may try next. */
export function describeStack(stack: Stack): string {
  const { endpoints } = stack
  const functions = Object.entries(endpoints.functions).map(([name, url]) => `  ${name.padEnd(16)}${url}`)
  return [
    `  Pub/Sub         ${endpoints.PUBSUB_EMULATOR_HOST}`,
    `  Customer.io     ${endpoints.customerio}/_local/inbox`,
    `  BigQuery        ${endpoints.BIGQUERY_EMULATOR_HOST}`,
    `  Firestore       ${endpoints.FIRESTORE_EMULATOR_HOST}`,
    ...functions,
    `  logs            ${endpoints.logs}`,
  ].join('\n')
}

/** Each journey under the command that shows it. */
export function describeJourneys(journeys: readonly ShownJourney[]): string {
  return journeys
    .map(({ label, command, text, complaint }) =>
      [
        `The journey of ${label} (${command}):`,
        text,
        ...(complaint === undefined ? [] : [styleText('red', `  ! ${complaint}`)]),
      ].join('\n'),
    )
    .join('\n\n')
}

const VALUE_WIDTH = 44

/** What stands in BigQuery: rows by table, and the first rows of each view without their empty columns. */
export function describeWarehouse(contents: WarehouseContents): string {
  const tables = Object.entries(contents.tables).map(([table, rows]) => `  ${String(rows).padStart(4)}  ${table}`)
  const views = Object.entries(contents.views).flatMap(([view, { rows, first }]) => [
    `  ${String(rows).padStart(4)}  ${styleText('bold', view)}`,
    ...first.map((row) => `          ${describeRow(row)}`),
  ])
  const complaints = complaintsAboutWarehouse(contents).map((complaint) => styleText('red', `  ! ${complaint}`))
  return ['Tables:', ...tables, 'Views, with their first rows:', ...views, ...complaints].join('\n')
}

function describeRow(row: Record<string, unknown>): string {
  const shown = Object.entries(row).flatMap(([column, value]) => {
    const text = textOf(value)
    if (text === '' || column === 'data') return []
    return [`${column}=${text.length > VALUE_WIDTH ? `${text.slice(0, VALUE_WIDTH)}…` : text}`]
  })
  return shown.slice(0, 8).join(' ')
}

/** A cell as a person reads it: the client wraps times in objects with a `value`. */
function textOf(value: unknown): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return ''
  if (typeof value === 'object') return 'value' in value ? String(value.value) : JSON.stringify(value)
  return String(value)
}
