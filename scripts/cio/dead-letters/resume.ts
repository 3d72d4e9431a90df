import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from '../../../shared/errors/index.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { duration } from '../output.ts'
import type { Journal, LeftOver } from './journal.ts'
import type { Source } from './source.ts'
import type { DeadLetterSubscription } from './subscription.ts'

/**
 * Begins a run in a journal, and gives what a killed run left there.
 *
 * @throws while another process replays: two runs at once would each take the other's dead letters for its own leftovers
 */
export function beginRun({ name }: Source, journal: Journal, nowMs: number): LeftOver | undefined {
  const before = journal.read()
  const other = before?.process
  if (other !== undefined && other !== process.pid && isAlive(other)) {
    throw new CommandError(`process ${other} is already replaying ${name}`, {
      hint: `Wait for it to end, or stop it with Ctrl-C. If that process is not cio: rm ${journal.path}`,
    })
  }
  journal.begin(process.pid, nowMs)
  return before
}

/** Resumes a killed run: acknowledges what it had replayed, and releases what it held. */
export async function resume(
  { output, now, signal }: Pick<Context, 'output' | 'now' | 'signal'>,
  source: Source,
  subscription: DeadLetterSubscription,
  { replayed, held, openPullAtMs }: LeftOver,
): Promise<void> {
  output.note(`${source.name}: resuming an interrupted replay`)
  const deadLetters = [...held].map(([messageId, ackId]) => ({ messageId, ackId }))
  await unlessUnknown(subscription.acknowledge(deadLetters.filter(({ messageId }) => replayed.has(messageId))))
  await unlessUnknown(subscription.release(deadLetters.filter(({ messageId }) => !replayed.has(messageId))))
  if (openPullAtMs === undefined) return
  const waitMs = openPullAtMs + source.ackDeadlineMs + 1_000 - now()
  if (waitMs <= 0) return
  output.note(
    `it was killed during a pull: waiting up to ${duration(waitMs)} until Pub/Sub delivers those messages again`,
  )
  await delay(waitMs, undefined, { signal })
}

const INVALID_ARGUMENT = 3

/** Pub/Sub rejects ack ids that have expired: those dead letters are delivered again anyway, and are recognized then. */
async function unlessUnknown(freeing: Promise<void>): Promise<void> {
  try {
    await freeing
  } catch (error) {
    if (codeOf(error) !== INVALID_ARGUMENT) throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
