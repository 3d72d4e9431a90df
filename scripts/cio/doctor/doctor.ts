import type { Context } from '../context.ts'
import { factsOf, isNotSentReason } from '../dead-letters/dead-letter.ts'
import { peekEach } from '../dead-letters/peek.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import { examine, type Finding, ok, printFindings, refuseFaults, wrong } from '../finding.ts'
import { count, duration } from '../output.ts'
import { checkSecrets } from '../secrets/secrets.ts'
import { examineBacklog } from './backlog.ts'
import { examineCancellations } from './cancellations.ts'
import { examineNames } from './names.ts'
import { examinePubSub } from './pubsub.ts'
import { examineRealWebhooks } from './real-webhooks.ts'
import { examineLedger, examineWarehouse } from './stores.ts'
import { examineReporting, examineWebhook } from './webhook.ts'

export interface DoctorOptions {
  readonly webhookUrl?: string
  readonly synthetic: boolean
  /** Seconds. */
  readonly wait: number
}

/** Runs every examination, even after a fault is found: one cause often shows in several places. */
export async function doctor(context: Context, options: DoctorOptions): Promise<void> {
  const { output, connection } = context
  const url = options.webhookUrl ?? connection.webhookUrl
  const examinations: readonly [string, () => Promise<readonly Finding[]>][] = [
    ['Pub/Sub', () => examinePubSub(context)],
    ['secrets', () => examineSecrets(context)],
    ['cancellations', () => examineCancellations(context)],
    ['warehouse', () => examineWarehouse(context)],
    ['names', () => examineNames(context)],
    ['send ledger', () => examineLedger(context)],
    ['reporting webhook', () => examineReporting(context, url)],
    ['real webhooks', () => examineRealWebhooks(context)],
    ['webhook', () => examineWebhook(context, url, { synthetic: options.synthetic, waitMs: options.wait * 1_000 })],
    ['backlog', () => examineBacklog(context)],
    ['dead letters', () => examineDeadLetters(context)],
  ]
  const findings: Finding[] = []
  for (const [area, examination] of examinations) {
    context.signal.throwIfAborted()
    findings.push(...(await examine(area, examination)))
  }
  printFindings(context, findings)
  refuseFaults(findings, `wrong with ${connection.name}`)
  const warnings = findings.filter(({ state }) => state === 'warning').length
  output.note(`nothing wrong with ${connection.name}${warnings === 0 ? '' : `; ${count(warnings, 'warning')}`}`)
}

async function examineSecrets(context: Context): Promise<readonly Finding[]> {
  const checks = await checkSecrets(context)
  return checks.map(({ name, state, note, hint }): Finding => {
    if (state === 'ok') return ok('secrets', `${name}: ${note}`)
    // What could not be tried may be right. The reporting webhook's line says that Customer.io is down.
    if (state === 'unreachable') return { area: 'secrets', state: 'skipped', note: `${name}: not tried. ${note}` }
    return wrong('secrets', `${name}: ${note}`, hint ?? 'Try `secrets check`.')
  })
}

async function examineDeadLetters(context: Context): Promise<readonly Finding[]> {
  const failed = { messages: 0, oldestMs: Number.POSITIVE_INFINITY }
  const notSent = { ...failed }
  await peekEach(context, sourcesOf(context.connection.topology), {}, (deadLetter) => {
    const { reason, publishedAtMs } = factsOf(deadLetter)
    const kind = isNotSentReason(reason) ? notSent : failed
    kind.messages += 1
    kind.oldestMs = Math.min(kind.oldestMs, publishedAtMs)
  })
  const told = ({ messages, oldestMs }: typeof failed) =>
    `${count(messages, 'message')}, the oldest published ${duration(context.now() - oldestMs)} ago`
  return [
    failed.messages === 0
      ? ok('dead letters', 'none failed')
      : { area: 'dead letters', state: 'warning', note: told(failed), fix: 'npx cio-gcp dlq stats' },
    // As somebody decided: nothing to repair.
    ...(notSent.messages === 0 ? [] : [ok('dead letters', `not sent by decision: ${told(notSent)}`)]),
  ]
}
