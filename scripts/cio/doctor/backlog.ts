import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import type { Finding } from '../finding.ts'
import { count, duration } from '../output.ts'
import { type Backlog, readBacklogs } from '../pause/backlog.ts'

/** A retry's pause is below this; more than that waits for something that is down. */
const LONG_MS = 10 * 60_000

/** How much waits, and since when: how bad it is while Customer.io, or a function, is down. */
export async function examineBacklog(context: Context): Promise<readonly Finding[]> {
  const area = 'backlog'
  const names = Object.entries(context.connection.topology.subscriptions).flatMap(([name, { push }]) =>
    push === undefined ? [] : [name],
  )
  let backlogs: readonly Backlog[]
  try {
    backlogs = await readBacklogs(context, names, { rates: false })
  } catch (error) {
    const fix = 'You need roles/monitoring.viewer. Otherwise see the dashboard: Oldest unacknowledged message.'
    return [{ area, state: 'skipped', note: `cannot be read: ${wordsOf(error)}`, fix }]
  }
  const waiting = backlogs.filter(({ messages }) => messages > 0)
  if (waiting.length === 0) return [{ area, state: 'ok', note: 'no message waits' }]
  return waiting.map(({ subscription, messages, oldestMs = 0 }): Finding => {
    const note = `${subscription}: ${count(messages, 'message')} waiting, the oldest for ${duration(oldestMs)}`
    if (oldestMs < LONG_MS) return { area, state: 'ok', note }
    return { area, state: 'warning', note, fix: 'terraform/runbooks/backlog.md. They are kept and retried.' }
  })
}
