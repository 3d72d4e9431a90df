import { setTimeout as delay } from 'node:timers/promises'
import { CANCELLABLE_TOPICS, type CancelRule } from '../../../shared/cancel/index.ts'
import { ownName } from '../../topology/names.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import { pushSubscriptions } from '../pause/subscriptions.ts'
import { readRules } from './rules.ts'

/** Every function reads the rules at least this often, with the waits of a delivery. */
export const IN_EFFECT_MS = 60_000

/**
 * Waits until every function knows the cancellations that concern these subscriptions: what they end would be sent by an
 * instance that has not read them. Where they cannot be read it says so, and does not wait.
 *
 * @throws when the command is stopped while it waits
 */
export async function untilInEffect(context: Context, names: readonly string[]): Promise<void> {
  const { connection, output, signal, now } = context
  let rules: readonly CancelRule[]
  try {
    rules = await readRules(context)
  } catch (error) {
    output.warn(`the cancellations cannot be read, and one of the last minute may come too late: ${wordsOf(error)}`)
    return
  }
  const own = rules.filter(({ where }) => concerned(connection.topology, where).some((name) => names.includes(name)))
  const waitMs = Math.max(0, ...own.map(({ before }) => Date.parse(before) + IN_EFFECT_MS - now()))
  if (waitMs === 0) return
  output.note(
    `waiting ${Math.ceil(waitMs / 1_000)} s, until what was cancelled is known everywhere: Ctrl-C resumes nothing`,
  )
  await delay(waitMs, undefined, { signal })
}

/** The subscriptions that may hold what a rule is about. Pure. */
export function concerned(
  topology: Topology,
  { topic, lane, template, event }: CancelRule['where'],
): readonly string[] {
  const only = topic ?? (template !== undefined ? 'transactional' : event !== undefined ? 'track' : undefined)
  return [...pushSubscriptions(topology)].flatMap(([name, itsLane]) => {
    const own = ownName(topology, topology.subscriptions[name]?.topic ?? '')
    const isTopic = only === undefined ? CANCELLABLE_TOPICS.some((each) => each === own) : own === only
    return isTopic && (lane === undefined || lane === itsLane) ? [name] : []
  })
}
