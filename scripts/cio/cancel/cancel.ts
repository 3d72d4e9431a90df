import { type CancelRule, problemIn } from '../../../shared/cancel/index.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { usageError, wordsOf } from '../errors.ts'
import { count, table } from '../output.ts'
import { type Backlog, readBacklogs } from '../pause/backlog.ts'
import { whoActs } from '../pause/who.ts'
import { whereIn } from '../where.ts'
import { concerned, IN_EFFECT_MS } from './in-effect.ts'
import { changeRules, readRules } from './rules.ts'

export interface CancelOptions {
  readonly where: readonly string[]
  readonly why: string
  readonly dryRun?: boolean
}

const FIELDS = ['topic', 'lane', 'template', 'event', 'person'] as const

/** Ends what is queued, was published before now and meets all conditions, as `cancelled`. */
export async function cancel(context: Context, { where: given, why, dryRun }: CancelOptions): Promise<void> {
  const { connection, output, prompts, now, done } = context
  const where = whereIn(given, FIELDS)
  if (Object.keys(where).length === 0) throw usageError('--where: name at least one condition')
  if (given.some((condition) => condition.includes('*'))) output.warn('--where: * stands for itself, not for any text')
  const names = concerned(connection.topology, where)
  const waiting = await waitingIn(context, names)
  const by = await whoActs(connection)
  const ruleAt = (nowMs: number): CancelRule => ({
    id: `c-${new Date(nowMs).toISOString().replaceAll(/[-:.TZ]/g, '')}`,
    where,
    before: new Date(nowMs).toISOString(),
    until: new Date(nowMs + longestRetentionMs(connection.topology, names)).toISOString(),
    by,
    why,
  })
  const problem = problemIn(ruleAt(now()))
  // `where.event: at most 100 bytes` is what was typed as `--where event=…`.
  if (problem !== undefined) throw usageError(`--${problem.replace('where.', 'where ')}`)
  const most = waiting === undefined ? 'Messages' : count(waiting, 'message')
  output.context(`${most} waiting in ${names.join(', ')}. Those that match are dead-lettered, and can be replayed.`)
  if (!dryRun) await prompts.confirm(`Cancel what was published before now and matches ${given.join(' and ')}?`)
  // Counted from the answer: from then on `resume` waits until every function knows the rule.
  const rule = ruleAt(now())
  if (!dryRun) {
    await changeRules(context, (rules) => [...rules, rule])
    done.note(`cancellation ${rule.id} made`)
  }
  const inEffect = new Date(now() + IN_EFFECT_MS).toISOString()
  output.result({ dryRun: dryRun ?? false, rule, subscriptions: names, waiting, inEffectBy: inEffect }, () =>
    dryRun
      ? `would cancel what was published before now and matches ${given.join(' and ')}`
      : `${rule.id}: cancelled, everywhere by ${inEffect}. It ends by itself at ${rule.until}`,
  )
  if (!dryRun)
    output.context(
      `to undo this: cio-gcp cancellations lift ${rule.id} ${connection.flags}, then ${replayCommand(connection.flags)}`,
    )
}

/** What is cancelled now. */
export async function listCancellations(context: Context): Promise<void> {
  const rules = await readRules(context)
  context.output.result({ rules }, () =>
    rules.length === 0
      ? 'nothing is cancelled'
      : table(
          ['ID', 'WHERE', 'PUBLISHED BEFORE', 'ENDS', 'BY', 'WHY'],
          rules.map((rule) => [rule.id, inWords(rule), rule.before, rule.until, rule.by, rule.why]),
        ),
  )
}

/** Takes a cancellation back. What it has ended already stays dead-lettered. */
export async function liftCancellation(context: Context, id: string, dryRun: boolean): Promise<void> {
  const { connection, output, done } = context
  const known = (await readRules(context)).find((rule) => rule.id === id)
  if (known === undefined)
    throw usageError(`there is no cancellation ${id}`, `See: cio-gcp cancellations list ${connection.flags}`)
  if (!dryRun) {
    await changeRules(context, (rules) => rules.filter((rule) => rule.id !== id))
    done.note(`cancellation ${id} lifted`)
  }
  output.result({ dryRun, lifted: known }, () => `${id}: ${dryRun ? 'would be lifted' : 'lifted'}: ${inWords(known)}`)
  if (!dryRun) output.context(`what it ended is among the dead letters: ${replayCommand(connection.flags)}`)
}

const replayCommand = (flags: string) => `cio-gcp dlq replay --reason cancelled ${flags}`

/** `topic=track event=sale person=id:…`: whom a rule is about is not shown. Pure. */
export function inWords({ where: { person, ...rest } }: CancelRule): string {
  const conditions = Object.entries(rest).map(([name, value]) => `${name}=${value}`)
  return [...conditions, ...(person === undefined ? [] : [`person=${person.kind}:…`])].join(' ')
}

/** What was published before now is gone from every subscription after that. Pure. */
function longestRetentionMs({ subscriptions }: Topology, names: readonly string[]): number {
  return Math.max(...names.map((name) => subscriptions[name]?.retention_seconds ?? 0)) * 1_000
}

async function waitingIn(context: Context, names: readonly string[]): Promise<number | undefined> {
  let backlogs: readonly Backlog[]
  try {
    backlogs = await readBacklogs(context, names, { rates: false })
  } catch (error) {
    context.output.warn(`what waits is not known: ${wordsOf(error)}`)
    return undefined
  }
  return backlogs.reduce((sum, { messages }) => sum + messages, 0)
}
