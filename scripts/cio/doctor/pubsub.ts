import type { PubSub, protos } from '@google-cloud/pubsub'
import { ownName, roleId } from '../../topology/names.ts'
import { pauseIn } from '../../topology/paused.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import { described, inWords } from '../pause/pause.ts'

type Declared = Topology['subscriptions'][string]
type Actual = protos.google.pubsub.v1.ISubscription

const APPLY = 'Run terraform apply.'

/** Every topic and subscription of `pipeline.yaml` exists and is as declared. */
export async function examinePubSub({ connection, now }: Context): Promise<readonly Finding[]> {
  const pubsub = await connection.pubsub()
  const { topics, subscriptions } = connection.topology
  const [existing] = await pubsub.getTopics()
  const names = new Set(existing.map(({ name }) => shortName(name)))
  const missing = Object.keys(topics).filter((name) => !names.has(name))
  const findings: Finding[] =
    missing.length === 0
      ? [ok('topics', `all ${Object.keys(topics).length} exist`)]
      : missing.map((name) => wrong('topics', `${name} is missing`, APPLY))
  const [found] = await pubsub.getSubscriptions()
  const actual = new Map(found.map(({ name, metadata }) => [shortName(name), metadata]))
  const addressOf = (name: string) => {
    const metadata = actual.get(name)
    return (pauseIn(metadata?.labels)?.push ?? metadata?.pushConfig)?.pushEndpoint
  }
  const problems = Object.entries(subscriptions).flatMap(([name, declared]) => {
    const metadata = actual.get(name)
    if (metadata === undefined) return [wrong('subscriptions', `${name} is missing`, APPLY)]
    const pause = pauseIn(metadata.labels)
    const found = [
      ...deviations(declared, pause === undefined ? metadata : { ...metadata, pushConfig: pause.push }),
      ...laneDeviations(connection.topology, name, addressOf),
    ]
    return [
      ...(pause === undefined ? [] : [pausedFinding(connection.topology, name, described(name, pause), now())]),
      ...found.map((what) => wrong('subscriptions', `${name}: ${what}`, APPLY)),
    ]
  })
  if (problems.length > 0) findings.push(...problems)
  else findings.push(ok('subscriptions', `all ${Object.keys(subscriptions).length} as declared`))
  if (!connection.local) findings.push(...(await examinePermissions(pubsub, connection.topology)))
  return findings
}

function pausedFinding(topology: Topology, name: string, pause: ReturnType<typeof described>, nowMs: number): Finding {
  const note = `${name}: ${inWords(pause, nowMs)}`
  return { area: 'subscriptions', state: 'warning', note, fix: `npx cio-gcp resume ${ownName(topology, name)}` }
}

/** Where a subscription differs from its declaration. Pure. */
export function deviations(declared: Declared, actual: Actual): readonly string[] {
  const found: string[] = []
  const topic = shortName(actual.topic)
  if (topic !== declared.topic) found.push(`it belongs to the topic ${topic}`)
  if (Boolean(actual.enableMessageOrdering) !== declared.ordered) {
    found.push(declared.ordered ? 'it is not ordered; ordering needs a new subscription' : 'it is ordered')
  }
  const pushes = Boolean(actual.pushConfig?.pushEndpoint)
  if (pushes !== (declared.push !== undefined))
    found.push(pushes ? 'it has a push endpoint' : 'it has no push endpoint')
  const deadLetterTopic = shortName(actual.deadLetterPolicy?.deadLetterTopic)
  if (deadLetterTopic !== (declared.dead_letter_topic ?? '')) {
    found.push(deadLetterTopic === '' ? 'it has no dead-letter topic' : `its dead-letter topic is ${deadLetterTopic}`)
  }
  const attempts = actual.deadLetterPolicy?.maxDeliveryAttempts
  if (attempts && attempts !== declared.max_delivery_attempts) {
    found.push(`it dead-letters after ${attempts} attempts instead of ${declared.max_delivery_attempts}`)
  }
  if (actual.ackDeadlineSeconds !== declared.ack_deadline_seconds) {
    found.push(`its ack deadline is ${actual.ackDeadlineSeconds} s instead of ${declared.ack_deadline_seconds} s`)
  }
  if ((actual.filter ?? '') !== (declared.filter ?? '')) {
    found.push(
      `its filter is ${actual.filter || 'empty'}; another filter needs a new subscription, which loses the backlog`,
    )
  }
  return found
}

/**
 * Whether a topic's bulk lane has a function of its own where it is declared to have one, and only there; addresses tell
 * functions apart, whatever they look like. Pure.
 */
export function laneDeviations(
  { subscriptions }: Pick<Topology, 'subscriptions'>,
  name: string,
  addressOf: (subscription: string) => string | null | undefined,
): readonly string[] {
  const { topic, push } = subscriptions[name] ?? {}
  const address = addressOf(name)
  if (push === undefined || !address) return []
  const [urgent] = Object.entries(subscriptions).find(([, other]) => other.topic === topic && other.push) ?? [name]
  const declaredApart = subscriptions[urgent]?.push !== push
  if (!addressOf(urgent) || (addressOf(urgent) !== address) === declaredApart) return []
  return [declaredApart ? `it pushes where ${urgent} does, not to ${push}` : `it does not push where ${urgent} does`]
}

/** The permissions of the person at this command line. The test event shows those of the functions. */
async function examinePermissions(
  pubsub: PubSub,
  { subscriptions, topics, namePrefix }: Topology,
): Promise<readonly Finding[]> {
  const fix = "Ask to be one of `operators` in the environment's values.yaml."
  const findings: Finding[] = []
  // Replays go to what functions read; nobody but functions publishes dead letters.
  const replayed = Object.values(subscriptions).flatMap(({ topic, push }) => (push === undefined ? [] : [topic]))
  for (const name of new Set(replayed)) {
    const [may] = await pubsub.topic(name).iam.testPermissions(['pubsub.topics.publish'])
    if (!may['pubsub.topics.publish']) findings.push(wrong('permissions', `you may not publish to ${name}`, fix))
  }
  for (const [name, { push }] of Object.entries(subscriptions)) {
    if (push !== undefined) continue
    const [may] = await pubsub.subscription(name).iam.testPermissions(['pubsub.subscriptions.consume'])
    if (!may['pubsub.subscriptions.consume']) findings.push(wrong('permissions', `you may not read ${name}`, fix))
  }
  if (findings.length > 0) return findings
  const [kept] = Object.entries(topics).flatMap(([name, { retention_days: days }]) =>
    days === undefined ? [] : [name],
  )
  const [may] = kept === undefined ? [{}] : await pubsub.topic(kept).iam.testPermissions([READ_TOPIC])
  return permitted(Boolean(Object(may)[READ_TOPIC]), namePrefix)
}

const READ_TOPIC = 'pubsub.topics.attachSubscription'

/** What a person may who may do what operators may, and perhaps read topics. Pure. */
export function permitted(mayReadTopics: boolean, namePrefix: string): readonly Finding[] {
  if (mayReadTopics) return [ok('permissions', 'you may publish, read dead letters, and replay topics')]
  return [
    ok('permissions', 'you may publish, and read dead letters'),
    {
      area: 'permissions',
      state: 'skipped',
      note: `you may not replay topics: nobody has the role ${roleId(namePrefix, 'replayer')} for good`,
      fix: 'If you must: npx cio-gcp replay says what an owner of the project types.',
    },
  ]
}

/** `projects/p/topics/identify` is identify. */
function shortName(path: string | null | undefined): string {
  return path?.split('/').at(-1) ?? ''
}
