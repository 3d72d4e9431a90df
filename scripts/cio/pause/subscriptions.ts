import type { protos } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { codeOf } from '../../../shared/errors/index.ts'
import { ownName } from '../../topology/names.ts'
import { type Pause, type PushChange, pauseIn } from '../../topology/paused.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Connection } from '../connection.ts'
import { CommandError, usageError } from '../errors.ts'

/** The filter of a lane's own subscription. */
const OF_LANE = /^attributes\.lane = "(.+)"$/
/** What a subscription takes that no lane is asked for. */
const URGENT = 'urgent'

/** A push subscription as Pub/Sub has it. */
export interface Pushed {
  /** As it is deployed. */
  readonly name: string
  readonly resource: protos.google.pubsub.v1.ISubscription
  readonly pause: Pause | undefined
}

/** Names of the subscriptions that push, each with its lane. Pure. */
export function pushSubscriptions({ subscriptions }: Topology): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(subscriptions).flatMap(([name, { push, filter }]) =>
      push === undefined ? [] : [[name, OF_LANE.exec(filter ?? '')?.[1] ?? URGENT] as const],
    ),
  )
}

/**
 * The subscriptions that a person means: a topic's name stands for all of its lanes, and for one of them with `lane`; the
 * name of a single lane, such as `track-bulk`, for that one. Pure.
 *
 * @throws with the names there are
 */
export function meantSubscriptions(topology: Topology, given: string, lane?: string): readonly string[] {
  const all = pushSubscriptions(topology)
  const own = [...all.keys()].filter((name) => ownName(topology, name) === given || name === given)
  const topic = topology.subscriptions[own[0] ?? '']?.topic
  const isWhole = own.some((name) => all.get(name) === URGENT)
  const lanes = isWhole ? [...all.keys()].filter((name) => topology.subscriptions[name]?.topic === topic) : own
  const meant = lanes.filter((name) => lane === undefined || all.get(name) === lane)
  if (meant.length > 0) return meant
  if (lanes.length === 0) {
    const known = [...all.keys()].map((name) => ownName(topology, name))
    throw usageError(`no push subscription ${given}`, `Use one of: ${known.join(', ')}.`)
  }
  const known = lanes.map((name) => all.get(name))
  throw usageError(`${given} has no lane ${lane}`, `It has: ${known.join(', ')}. Without --lane, all of them.`)
}

/** Reads subscriptions, and of each whether it is paused. */
export async function readPushed(connection: Connection, names: readonly string[]): Promise<readonly Pushed[]> {
  const [subscriber, projectId] = await Promise.all([connection.subscriber(), connection.projectId()])
  return await Promise.all(
    names.map(async (name) => {
      try {
        const [resource] = await subscriber.getSubscription({
          subscription: `projects/${projectId}/subscriptions/${name}`,
        })
        return { name, resource, pause: pauseIn(resource.labels) }
      } catch (cause) {
        const isMissing = codeOf(cause) === status.NOT_FOUND
        throw new CommandError(`cannot read the subscription ${name}`, {
          cause,
          hint: isMissing ? 'Run terraform apply.' : MISSING_ROLE,
        })
      }
    }),
  )
}

export async function changePush(
  connection: Connection,
  { name, resource }: Pushed,
  change: PushChange,
): Promise<void> {
  const subscriber = await connection.subscriber()
  try {
    await subscriber.updateSubscription({
      subscription: { name: resource.name ?? null, pushConfig: change.pushConfig, labels: { ...change.labels } },
      updateMask: { paths: ['push_config', 'labels'] },
    })
  } catch (cause) {
    throw new CommandError(`the subscription ${name} was not changed`, { cause, hint: MISSING_ROLE })
  }
}

const MISSING_ROLE = "If permission is missing: ask to be one of `operators` in the environment's values.yaml."
