import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import { duration, table } from '../output.ts'
import { type Backlog, readBacklogs } from './backlog.ts'
import { described, inWords } from './pause.ts'
import { meantSubscriptions, pushSubscriptions, readPushed } from './subscriptions.ts'

/** What waits, how fast it is delivered, and what is paused by whom and why. */
export async function status(context: Context, given?: string): Promise<void> {
  const { connection, output, now } = context
  const names =
    given === undefined
      ? [...pushSubscriptions(connection.topology).keys()]
      : meantSubscriptions(connection.topology, given)
  const [pushed, backlogs] = await Promise.all([readPushed(connection, names), backlogsOf(context, names)])
  const subscriptions = pushed.map(({ name, resource, pause }) => {
    const { messages, oldestMs, perSecond, drainsInMs } = backlogs.get(name) ?? {}
    return {
      subscription: name,
      state: pause !== undefined ? 'paused' : resource.pushConfig?.pushEndpoint ? 'delivering' : 'has no address',
      messages,
      oldestSeconds: oldestMs === undefined ? undefined : Math.round(oldestMs / 1_000),
      deliveredPerSecond: perSecond,
      drainsInSeconds: drainsInMs === undefined ? undefined : Math.round(drainsInMs / 1_000),
      ...(pause !== undefined && { paused: described(name, pause) }),
    }
  })
  output.result({ subscriptions }, () => {
    const rows = subscriptions.map((each) => [
      each.subscription,
      each.state,
      each.messages?.toLocaleString('en') ?? '?',
      each.oldestSeconds === undefined ? '' : duration(each.oldestSeconds * 1_000),
      each.deliveredPerSecond === undefined ? '' : `${each.deliveredPerSecond.toFixed(1)}/s`,
      each.drainsInSeconds === undefined ? '' : duration(each.drainsInSeconds * 1_000),
    ])
    const pauses = subscriptions.flatMap(({ paused }) =>
      paused === undefined ? [] : [`${paused.subscription}: ${inWords(paused, now())}`],
    )
    return [table(['SUBSCRIPTION', 'STATE', 'WAITING', 'OLDEST', 'DELIVERED', 'EMPTY IN'], rows), ...pauses].join('\n')
  })
}

/** Without Monitoring, what is paused is worth telling all the same. */
async function backlogsOf(context: Context, names: readonly string[]): Promise<ReadonlyMap<string, Backlog>> {
  try {
    const backlogs = await readBacklogs(context, names, { rates: true })
    return new Map(backlogs.map((backlog) => [backlog.subscription, backlog]))
  } catch (error) {
    context.output.warn(`what waits is not known: ${wordsOf(error)}`)
    return new Map()
  }
}
