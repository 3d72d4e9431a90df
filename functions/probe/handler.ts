import type { HttpFunction, Request, Response } from '@google-cloud/functions-framework'
import type { Clock } from '../../shared/clock/index.ts'
import { safeErrorName } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { Link, LinkResult } from './link.ts'
import { reasonOf } from './reason.ts'
import { isSendLookDue, type SendCount } from './sends.ts'

export interface ProbeHandlerOptions {
  /** Tries every link once. */
  runRound(): Promise<readonly LinkResult[]>
  /** Counts the sends that somebody has to look at: in the first round of each quarter of an hour. */
  countSends(): Promise<readonly SendCount[]>
  readonly log: Log
  readonly clock: Clock
}

/** What to do about the reasons that nothing else shows: such a request reaches no instance, which could log it. */
const FIX: Readonly<Record<string, string>> = {
  no_public_way_in:
    '; Cloud Run asks the caller for an identity, so Customer.io gets 403 too: `gcloud run services update webhook ' +
    '--no-invoker-iam-check`, or let allUsers invoke it',
  no_instance: '; Cloud Run has no instance left for the webhook function: raise its max_instances in pipeline.yaml',
}

/**
 * Answers each push of the topic `probe`, whatever it says, with one round, which is acknowledged when it has come to its
 * end, whatever it found: the next one is not far. Each link has one line in the log, and the round another; so has each
 * view of sends that was counted.
 */
export function createProbeHandler({ runRound, countSends, log, clock }: ProbeHandlerOptions): HttpFunction {
  return async (request: Request, response: Response): Promise<void> => {
    if (request.method !== 'POST') {
      response.set('Allow', 'POST').status(405).send('this function takes Pub/Sub pushes: POST only')
      return
    }
    // There is nothing to read in it.
    request.resume()
    const startMs = clock.now()
    let links: readonly LinkResult[]
    try {
      const [found] = await Promise.all([runRound(), isSendLookDue(startMs) ? logSends(countSends, log) : undefined])
      links = found
    } catch (error) {
      const fields = { event: 'unexpected_error', error: safeErrorName(error) }
      log.error('unexpected error; Pub/Sub will start another round', fields)
      response.status(503).end()
      return
    }
    for (const result of links) logLink(log, result)
    const latencyMs = clock.now() - startMs
    const broken = links.flatMap(({ link, ok }) => (ok ? [] : [link]))
    logRound(log, broken, latencyMs)
    response.status(200).json({ ok: broken.length === 0, latency_ms: latencyMs, links: links.map(described) })
  }
}

function logLink(log: Log, result: LinkResult): void {
  const { link, ok, latencyMs } = result
  const fields = { event: 'probe', link, ok, latencyMs }
  if (result.ok) log.info(`the probe found the link ${link} intact`, fields)
  // No error: it is not this function's, and the probe has an alert of its own.
  else
    log.warning(`the probe found the link ${link} broken: ${result.reason}${FIX[result.reason] ?? ''}`, {
      ...fields,
      reason: result.reason,
    })
}

/** A count that fails breaks no link, and the next one is not far; but for as long as it does, nobody is told. */
async function logSends(countSends: ProbeHandlerOptions['countSends'], log: Log): Promise<void> {
  try {
    for (const { view, rows } of await countSends()) {
      const fields = { event: 'probe_sends', table: view, rows, ok: rows === 0 }
      if (rows === 0) log.info(`the view ${view} is empty`, fields)
      else log.warning(`the view ${view} has ${rows} rows: somebody has to look at these sends`, fields)
    }
  } catch (error) {
    log.error('sends could not be counted', { event: 'probe_sends', reason: reasonOf(error) })
  }
}

function logRound(log: Log, broken: readonly Link[], latencyMs: number): void {
  const fields = { event: 'probe_round', ok: broken.length === 0, latencyMs }
  if (broken.length === 0) log.info('the probe found every link intact', fields)
  else log.warning('the probe found links broken', { ...fields, reason: broken.join(',') })
}

function described(result: LinkResult) {
  const { link, ok, latencyMs } = result
  return { link, ok, latency_ms: latencyMs, ...(!result.ok && { reason: result.reason }) }
}
