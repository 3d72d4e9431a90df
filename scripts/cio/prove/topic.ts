import { once } from 'node:events'
import type { Stack } from '../../local/stack.ts'
import { readTopology } from '../../topology/topology.ts'
import type { CommandLine } from '../testing/command-line.ts'
import { runKilled } from './kills.ts'

export interface TopicReplayProof {
  /** With the functions identify, track and transactional. */
  readonly stack: Stack
  readonly cio: CommandLine
  /** In all, shared out over the three topics. */
  readonly messages: number
  readonly kills: number
  readonly random: () => number
}

export interface TopicReplayProven {
  readonly messages: number
  readonly killed: number
  /** Replays that were published, by topic: more than messages by what was accepted and not noted before a kill. */
  readonly published: Readonly<Record<string, number>>
  /** What the last run of each topic says that all runs replayed. */
  readonly counted: Readonly<Record<string, number>>
  /** Changes at Customer.io, each of which is a fault. */
  readonly twice: Readonly<Record<'events' | 'sends' | 'people', number>>
  /** Temporary subscriptions that are left. */
  readonly left: readonly string[]
}

const TOPICS = ['identify', 'track', 'transactional'] as const
type Topic = (typeof TOPICS)[number]

/** Publishes, waits until all is delivered, and replays all of it with a command that is killed at random points. */
export async function proveTopicReplay(proof: TopicReplayProof): Promise<TopicReplayProven> {
  const { stack, random } = proof
  const each = Math.ceil(proof.messages / TOPICS.length)
  const from = new Date().toISOString()
  for (const topic of TOPICS) {
    const publisher = stack.client.topic(topic, { messageOrdering: true })
    for (let start = 0; start < each; start += 1_000) {
      const part = Array.from({ length: Math.min(1_000, each - start) }, (_, index) => start + index)
      await Promise.all(part.map((number) => publisher.publishMessage(messageOf(topic, number))))
    }
  }
  await delivered(stack)
  const before = worldOf(stack)
  const published: Record<string, number> = {}
  const counted: Record<string, number> = {}
  let killed = 0
  for (const [index, topic] of TOPICS.entries()) {
    const name = `projects/${stack.endpoints.projectId}/topics/${topic}`
    const count = (event: { readonly topic: string }) => {
      if (event.topic === name) published[topic] = (published[topic] ?? 0) + 1
    }
    stack.pubsub.events.on('published', count)
    const args = ['replay', topic, '--from', from, '--yes', '--rate', '5000', '--json']
    const kills = Math.floor(proof.kills / TOPICS.length) + (index < proof.kills % TOPICS.length ? 1 : 0)
    const ran = await runKilled({ ...proof, random, args, kills, pubsub: stack.pubsub, topic: name, messages: each })
    stack.pubsub.events.off('published', count)
    if (ran.last.code !== 0) throw new Error(`the last run ended with ${ran.last.code}:\n${ran.last.stderr}`)
    killed += ran.killed
    const { replayed, alreadyReplayed } = JSON.parse(ran.last.stdout)
    counted[topic] = replayed + alreadyReplayed
  }
  await delivered(stack)
  const after = worldOf(stack)
  return {
    ...{ messages: each * TOPICS.length, killed, published, counted },
    twice: {
      events: after.events - before.events,
      sends: after.sends - before.sends,
      people: Number(after.people !== before.people),
    },
    left: stack.pubsub
      .snapshot()
      .subscriptions.map(({ resource }) => resource.name ?? '')
      .filter((name) => name.includes('cio-replay')),
  }
}

function messageOf(topic: Topic, number: number) {
  const id = `person-${number % 500}`
  const identifiers = { id }
  const body = {
    identify: { identifiers, attributes: { number } },
    track: { identifiers, name: `event ${number}` },
    transactional: { channel: 'email', transactional_message_id: 1, identifiers, to: `${id}@example.com` },
  }[topic]
  // One half has a publisher's key.
  const attributes: Record<string, string> = number % 2 === 0 ? { idempotency_key: `${topic}-${number}` } : {}
  const data = Buffer.from(JSON.stringify(body))
  return { data, attributes, ...(topic === 'identify' && { orderingKey: `id:${id}` }) }
}

async function delivered({ pubsub, endpoints }: Stack): Promise<void> {
  const names = Object.entries(readTopology().subscriptions)
    .filter(([, { topic, push }]) => push !== undefined && TOPICS.some((each) => each === topic))
    .map(([name]) => `projects/${endpoints.projectId}/subscriptions/${name}`)
  while (names.some((name) => pubsub.stats(name).outstanding > 0)) await once(pubsub.events, 'acknowledged')
}

function worldOf({ customerio: { workspace } }: Stack) {
  const people = [...workspace.people.all()].map(({ identifiers, attributes }) => [
    identifiers.id,
    attributes.toObject(),
  ])
  return { events: workspace.events.all().length, sends: workspace.sends.length, people: JSON.stringify(people) }
}
