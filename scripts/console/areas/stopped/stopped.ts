import { inWords } from '../../../cio/cancel/cancel.ts'
import { readRules } from '../../../cio/cancel/rules.ts'
import { pushSubscriptions, readPushed } from '../../../cio/pause/subscriptions.ts'
import { maskText } from '../../masked.ts'
import type { Operator } from '../../operator.ts'
import type { Area } from '../../server/area.ts'

/** Whom to ask, and why it was done. */
interface Told {
  readonly by: string
  /** Masked on a deployment, where a reason may name a person. */
  readonly why: string
}

export interface PausedSubscription extends Told {
  readonly subscription: string
  /** Milliseconds since 1970. */
  readonly sinceMs: number
  /** Then Pub/Sub deletes what was published at the moment of the pause. */
  readonly keptUntilMs: number
}

/** A cancellation in force. Times are milliseconds since 1970. */
export interface Cancellation extends Told {
  readonly id: string
  /** `template=3 lane=bulk`: a person is named by kind only. */
  readonly where: string
  /** What was published before is cancelled. */
  readonly beforeMs: number
  readonly untilMs: number
}

/** What operators have stopped. */
export interface Stopped {
  readonly nowMs: number
  readonly paused: readonly PausedSubscription[]
  readonly cancellations: readonly Cancellation[]
}

/** Paused subscriptions and cancellations in force: shown here, changed by the command line. */
export function areaStopped(operator: Operator, masked: boolean): Area {
  return {
    name: 'stopped',
    routes: [{ method: 'GET', path: '/api/stopped', run: () => readStopped(operator, masked) }],
  }
}

async function readStopped(operator: Operator, masked: boolean): Promise<Stopped> {
  const { connection, now } = operator
  const { topology } = connection
  const told = ({ by, why }: Told): Told => ({ by, why: masked ? maskText(why) : why })
  const [pushed, rules] = await Promise.all([
    readPushed(connection, [...pushSubscriptions(topology).keys()]),
    readRules(operator),
  ])
  return {
    nowMs: now(),
    paused: pushed.flatMap(({ name, pause }) => {
      if (pause === undefined) return []
      const keptMs = (topology.subscriptions[name]?.retention_seconds ?? 0) * 1_000
      return [{ subscription: name, sinceMs: pause.sinceMs, keptUntilMs: pause.sinceMs + keptMs, ...told(pause) }]
    }),
    cancellations: rules.map((rule) => ({
      ...{ id: rule.id, where: inWords(rule), beforeMs: Date.parse(rule.before), untilMs: Date.parse(rule.until) },
      ...told(rule),
    })),
  }
}
