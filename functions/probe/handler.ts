import type { Clock } from '../../shared/clock/index.ts'
import { safeErrorName } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import { answerWithText, type RequestHandler } from '../../shared/runtime/index.ts'
import type { Link, LinkResult } from './link.ts'
import type { NamesResult } from './names.ts'
import { reasonOf } from './reason.ts'
import { isSendLookDue, type SendCount } from './sends.ts'
import { createTaskReader } from './task.ts'

export interface ProbeHandlerOptions {
  /** Tries every link once. */
  runRound(): Promise<readonly LinkResult[]>
  /** Counts the sends that somebody has to look at: in the first round of each quarter of an hour. */
  countSends(): Promise<readonly SendCount[]>
  /** Fetches names for a while. */
  refreshNames(): Promise<NamesResult>
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
 * Answers each push of the topic `probe` with a refresh of the names if its attribute `task` says so, and with one round
 * whatever else it is. It is acknowledged when that has come to its end, whatever it found: the next one is not far. Each
 * link has one line in the log, and the round or the refresh another; so has each view of sends that was counted.
 */
export function createProbeHandler(options: ProbeHandlerOptions): RequestHandler {
  const { runRound, countSends, refreshNames, log, clock } = options
  const taskOf = createTaskReader(clock)
  return async (request, response) => {
    if (request.method !== 'POST') {
      answerWithText(response, 405, 'this function takes Pub/Sub pushes: POST only', { Allow: 'POST' })
      return
    }
    const startMs = clock.now()
    try {
      const answer = (await taskOf(request)) === 'names' ? await names(startMs) : await round(startMs)
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
    } catch (error) {
      const fields = { event: 'unexpected_error', error: safeErrorName(error) }
      log.error('unexpected error; Pub/Sub will deliver the message again', fields)
      response.writeHead(503).end()
    }
  }

  async function round(startMs: number) {
    const [links] = await Promise.all([runRound(), isSendLookDue(startMs) ? logSends(countSends, log) : undefined])
    for (const result of links) logLink(log, result)
    const latencyMs = clock.now() - startMs
    const broken = links.flatMap(({ link, ok }) => (ok ? [] : [link]))
    logRound(log, broken, latencyMs)
    return { ok: broken.length === 0, latency_ms: latencyMs, links: links.map(described) }
  }

  async function names(startMs: number) {
    const result = await refreshNames()
    logNames(log, result, clock.now() - startMs)
    return { ok: result.ok, rows: result.rows }
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

function logNames(log: Log, result: NamesResult, latencyMs: number): void {
  const { ok, rows } = result
  const fields = { event: 'names', ok, rows, latencyMs }
  if (!result.ok) {
    const message = `the names could not be fetched: ${result.reason}; the next message of the schedule goes on`
    log.warning(message, { ...fields, reason: result.reason })
  } else if (result.isFinished) log.info('the names are fetched', fields)
  else log.info('the names are fetched in part; the next message of the schedule goes on', fields)
}

function described(result: LinkResult) {
  const { link, ok, latencyMs } = result
  return { link, ok, latency_ms: latencyMs, ...(!result.ok && { reason: result.reason }) }
}
