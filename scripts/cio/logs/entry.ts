import { z } from 'zod'
import { printable } from '../output.ts'

/** As Cloud Logging has them, the least severe first. */
export const SEVERITIES = ['DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'] as const
export type Severity = (typeof SEVERITIES)[number]

/** An entry of Cloud Logging, or of a local function's log in the same form. */
export const entrySchema = z.looseObject({
  insertId: z.string().default(''),
  timestamp: z.string(),
  severity: z.string().default('DEFAULT'),
  resource: z.looseObject({ labels: z.looseObject({ service_name: z.string().default('') }) }),
  jsonPayload: z.record(z.string(), z.unknown()).optional(),
  textPayload: z.string().optional(),
  httpRequest: z.looseObject({ status: z.number().optional(), requestMethod: z.string().optional() }).optional(),
})
export type Entry = z.infer<typeof entrySchema>

/** At least as severe; what has no severity, such as the words of a crash, is never left out. Pure. */
export function isAsSevereAs({ severity }: Entry, least: Severity): boolean {
  const rank = (SEVERITIES as readonly string[]).indexOf(severity)
  return rank < 0 || rank >= SEVERITIES.indexOf(least)
}

/** `WARNING` is the longest that is common. */
const SEVERITY_WIDTH = 7
/** `transactional` */
const FUNCTION_WIDTH = 13

/** One line: when, how severe, which function, what, and then every field as `name=value`. Pure. */
export function lineOf(entry: Entry, functionName: string): string {
  const { message, ...fields } = entry.jsonPayload ?? {}
  const { status, requestMethod = 'request' } = entry.httpRequest ?? {}
  const words =
    entry.textPayload ??
    (typeof message === 'string' ? message : status === undefined ? '' : `${requestMethod} ${status}`)
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`)
  return printable(
    [entry.timestamp, entry.severity.padEnd(SEVERITY_WIDTH), functionName.padEnd(FUNCTION_WIDTH), words, ...shown]
      .join('  ')
      .trimEnd(),
  )
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value
}
