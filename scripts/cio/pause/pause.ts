import { MOST_WHY_BYTES, type Pause, pausing, resuming } from '../../topology/paused.ts'
import { untilInEffect } from '../cancel/in-effect.ts'
import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { duration, printable } from '../output.ts'
import { changePush, meantSubscriptions, type Pushed, readPushed } from './subscriptions.ts'
import { whoActs } from './who.ts'

export interface PauseOptions {
  readonly lane?: string
  readonly why: string
  readonly dryRun?: boolean
}

/**
 * Stops the delivery of subscriptions: their push configuration is emptied, so that messages wait and no attempt is spent.
 * One that is paused already keeps its first pause.
 */
export async function pause(context: Context, given: string, { lane, why, dryRun }: PauseOptions): Promise<void> {
  const { connection, output, now, done } = context
  if (Buffer.byteLength(why) > MOST_WHY_BYTES) throw usageError(`--why: use at most ${MOST_WHY_BYTES} bytes`)
  const names = meantSubscriptions(connection.topology, given, lane)
  const pushed = await readPushed(connection, names)
  for (const { name, resource, pause: earlier } of pushed) {
    if (earlier === undefined && !resource.pushConfig?.pushEndpoint)
      throw new CommandError(`${name} has no push address, and no pause says why`, { hint: 'Run terraform apply.' })
  }
  const by = await whoActs(connection)
  const paused: Pushed[] = []
  for (const each of pushed) {
    const { name, resource, pause: earlier } = each
    const own: Pause = { by, sinceMs: now(), why, push: resource.pushConfig ?? {} }
    paused.push({ ...each, pause: earlier ?? own })
    if (earlier !== undefined || dryRun) continue
    await changePush(connection, each, pausing(resource, own))
    done.note(`${name} paused`)
  }
  const documents = paused.map(({ name, pause: of }, index) => ({
    ...described(name, of),
    already: pushed[index]?.pause !== undefined,
  }))
  output.result({ dryRun: dryRun ?? false, paused: documents }, () =>
    documents
      .map(({ subscription, already, ...facts }) => {
        if (already) return `${subscription}: was paused before, ${inWords(facts, now())}`
        const waits = duration((connection.topology.subscriptions[subscription]?.retention_seconds ?? 0) * 1_000)
        return dryRun
          ? `${subscription}: would be paused. Messages would wait, for ${waits} at most`
          : `${subscription}: paused. Messages wait, for ${waits} at most; what is being delivered now ends as usual`
      })
      .join('\n'),
  )
  if (!dryRun)
    output.context(
      `to undo this: cio-gcp resume ${given}${lane === undefined ? '' : ` --lane ${lane}`} ${connection.flags}`,
    )
}

/**
 * Delivers again what was paused, with the address and identity that the pause has kept, and not before every function knows
 * what was cancelled meanwhile.
 */
export async function resume(
  context: Context,
  given: string,
  { lane, dryRun }: Pick<PauseOptions, 'lane' | 'dryRun'>,
): Promise<void> {
  const { connection, output, done, now } = context
  const names = meantSubscriptions(connection.topology, given, lane)
  const pushed = await readPushed(connection, names)
  for (const { name, resource, pause: own } of pushed) {
    if (own === undefined && !resource.pushConfig?.pushEndpoint)
      throw new CommandError(`${name} has no push address, and no pause has kept one`, { hint: 'Run terraform apply.' })
  }
  const paused = pushed.flatMap(({ name, pause: own }) => (own === undefined ? [] : [name]))
  if (!dryRun && paused.length > 0) await untilInEffect(context, paused)
  const resumed: object[] = []
  const lines: string[] = []
  for (const each of pushed) {
    const { name, resource, pause: own } = each
    if (own === undefined) {
      lines.push(`${name}: is not paused`)
      continue
    }
    if (!dryRun) {
      await changePush(connection, each, resuming(resource, own))
      done.note(`${name} resumed`)
    }
    resumed.push(described(name, own))
    lines.push(`${name}: ${dryRun ? 'would be resumed' : 'resumed'}. It was ${inWords(described(name, own), now())}`)
  }
  output.result({ dryRun: dryRun ?? false, resumed }, () => lines.join('\n'))
  if (!dryRun && resumed.length > 0)
    output.context(`what waits is delivered within the rate: see cio-gcp status ${connection.flags}`)
}

/** A pause as JSON documents show it. Pure. */
export function described(subscription: string, pause: Pause | undefined) {
  const { by = '', sinceMs = 0, why = '' } = pause ?? {}
  return { subscription, by, since: new Date(sinceMs).toISOString(), why }
}

/** `paused by jane@acme.com since 2026-11-26T09:30:00.000Z (2 h): wrong template`. Pure. */
export function inWords({ by, since, why }: { by: string; since: string; why: string }, nowMs: number): string {
  return printable(`paused by ${by} since ${since} (${duration(nowMs - Date.parse(since))}): ${why}`)
}
