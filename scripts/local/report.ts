import { join } from 'node:path'
import { styleText } from 'node:util'
import { localFlags } from '../cio/connection.ts'
import type { Reload } from './reload.ts'
import type { ShownJourney } from './run-journeys.ts'
import type { ProbeRound } from './run-probe.ts'
import { complaintAbout, type SampleResult } from './run-sample.ts'
import { complaintsAboutWarehouse, type WarehouseContents } from './run-webhooks.ts'
import type { Stack } from './stack.ts'

const LABEL_WIDTH = 52
const COLUMN_WIDTH = 15

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

/** Where a person goes first. */
export function describeConsole({ url }: { readonly url: string }): string {
  return `  console         ${styleText('bold', url)}   open it: every message, its way, the inbox, dead letters, faults`
}

/** Where everything is: at most six lines. */
export function describeStack({ endpoints, functions: processes }: Pick<Stack, 'endpoints' | 'functions'>): string {
  const port = (url: string) => new URL(url).port
  const functions = Object.entries(endpoints.functions).map(([name, url]) => `${name} :${port(url)}`)
  const servers = {
    'Pub/Sub': endpoints.PUBSUB_EMULATOR_HOST,
    Firestore: endpoints.FIRESTORE_EMULATOR_HOST,
    BigQuery: endpoints.BIGQUERY_EMULATOR_HOST,
    'Customer.io': endpoints.customerio,
  }
  const named = Object.entries(servers).map(([name, address]) => `${name} ${address.replace('http://', '')}`)
  return [
    `  servers         ${named.slice(0, 2).join(', ')},`,
    `                  ${named.slice(2).join(', ')}`,
    `  functions       ${functions.join(', ')}`,
    ...Object.values(processes).flatMap(({ name, debuggerUrl }) =>
      debuggerUrl === undefined ? [] : [`  debugger        ${name}: ${debuggerUrl}`],
    ),
    `  logs            ${endpoints.logs}`,
  ].join('\n')
}

/** What became of a saved source, and where the debugger is now. */
export function describeReload({ name, tookMs, error }: Reload, { functions }: Pick<Stack, 'functions'>): string {
  if (error !== undefined) {
    const words = `${styleText('red', `${name} runs on as it was: its source is broken.`)}\n${error.trimEnd()}`
    return words.replaceAll('\n', '\n  ')
  }
  const debuggerUrl = functions[name]?.debuggerUrl
  return `${name} was reloaded in ${tookMs} ms.${debuggerUrl === undefined ? '' : ` Debugger: ${debuggerUrl}`}`
}

/** All that the sample did. */
export interface SampleRun {
  readonly results: readonly SampleResult[]
  readonly warehouse: WarehouseContents
  readonly probe: ProbeRound
  readonly journeys: readonly ShownJourney[]
}

/** What is not as it should be, a line each. Pure. */
export function complaintsAbout({ results, warehouse, probe, journeys }: SampleRun): string[] {
  const aboutMessages = results.flatMap((result) => {
    const complaint = complaintAbout(result)
    return complaint === undefined ? [] : [`${result.message.label}: ${complaint}`]
  })
  const aboutJourneys = journeys.flatMap(({ complaint }) => complaint ?? [])
  const aboutLinks = probe.broken.map((link) => `the link ${link} is broken`)
  return [...aboutMessages, ...complaintsAboutWarehouse(warehouse), ...aboutLinks, ...aboutJourneys]
}

/** How many messages of each topic came to which end, and what came back: one table. */
export function describeSample({ results, warehouse, probe }: SampleRun): string {
  const topics = [...new Set(results.map(({ message }) => message.topic))]
  const rows = topics.map((topic) => {
    const own = results.filter(({ message }) => message.topic === topic)
    const delivered = own.filter(({ deadLetter }) => deadLetter === undefined)
    const retried = delivered.filter(({ attempts }) => attempts > 1)
    return [topic, own.length, delivered.length, retried.length, own.length - delivered.length]
  })
  const lines = [['sample', 'published', 'delivered', 'after a retry', 'dead-lettered'], ...rows].map(
    ([name, ...cells]) =>
      [`  ${name}`.padEnd(18), ...cells.map((cell) => String(cell).padStart(COLUMN_WIDTH))].join(''),
  )
  return [
    ...lines,
    `  ${warehouse.sent} webhooks came back, ${warehouse.stored} are in BigQuery. ${describeProbe(probe)}`,
  ].join('\n')
}

/** How the probe's round went. */
export function describeProbe({ intact, broken }: ProbeRound): string {
  return `The probe found ${intact.length} links intact${broken.map((link) => `, and ${link} broken`).join('')}.`
}

/** What a person may try while the stack is up. */
export function describeNextSteps({ endpoints }: Pick<Stack, 'endpoints'>): string {
  const stack = localFlags(join(endpoints.secrets, '..', 'endpoints.json'))
  return `It stays up until Ctrl-C. Try next, from another terminal:
  npx cio-gcp trace --key receipt-1001 ${stack}        a receipt, from publish to the webhook that came back
  npx cio-gcp trace --person id:ada ${stack}           what became of every message about her
  npx cio-gcp trigger email.bounced --person id:ada ${stack}   a webhook, as if it had happened
  npx cio-gcp logs --follow ${stack}                   what the functions say
  curl -s -d '{"on":"batch","fault":{"do":"answer","status":503}}' ${endpoints.customerio}/_local/faults
                                                      breaks Customer.io; curl -s -X DELETE mends it`
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
