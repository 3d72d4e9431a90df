import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
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
  /** A folder for a module that changes every third message; undefined: nothing is changed. */
  readonly mapIn?: string
}

export interface TopicReplayProven {
  readonly messages: number
  readonly killed: number
  /** Replays that were published, by topic: more than messages by what was accepted and not noted before a kill. */
  readonly published: Readonly<Record<string, number>>
  /** What the last run of each topic says that all runs replayed. */
  readonly counted: Readonly<Record<string, number>>
  /** What is at Customer.io and should not be, or should be and is not: too many, too few, or another content. */
  readonly wrong: Readonly<Record<keyof World, number>>
  /** Temporary subscriptions that are left. */
  readonly left: readonly string[]
}

/** What Customer.io has, each as a text. */
interface World {
  readonly people: readonly string[]
  readonly events: readonly string[]
  readonly sends: readonly string[]
}

const TOPICS = ['identify', 'track', 'transactional'] as const
type Topic = (typeof TOPICS)[number]
const PEOPLE = 500

/** Whether the mapping changes the message of this number. */
const isChanged = (number: number) => number % 3 === 0
const MAPPING = `export default (message) => {
  const field = 'message_data' in message ? 'message_data' : 'attributes'
  const { number } = message[field]
  return number % 3 === 0 ? { ...message, [field]: { number, fixed: number } } : message
}
`

/**
 * Publishes, waits until all is delivered, and replays all of it, or what a mapping changes, with a command that is killed at
 * random points.
 */
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
  const expected = proof.mapIn === undefined ? worldOf(stack) : changedWorld(worldOf(stack), each)
  const mapping = proof.mapIn === undefined ? undefined : join(proof.mapIn, 'fix.mjs')
  if (mapping !== undefined) writeFileSync(mapping, MAPPING)
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
    if (mapping !== undefined) args.push('--map', mapping, ...(topic === 'transactional' ? ['--as-new'] : []))
    const kills = Math.floor(proof.kills / TOPICS.length) + (index < proof.kills % TOPICS.length ? 1 : 0)
    const ran = await runKilled({
      ...proof,
      random,
      args,
      kills,
      pubsub: stack.pubsub,
      topic: name,
      messages: mapping === undefined ? each : numbersOf(each).filter(isChanged).length,
    })
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
    wrong: {
      people: differing(expected.people, after.people),
      events: differing(expected.events, after.events),
      sends: differing(expected.sends, after.sends),
    },
    left: stack.pubsub
      .snapshot()
      .subscriptions.map(({ resource }) => resource.name ?? '')
      .filter((name) => name.includes('cio-replay')),
  }
}

function messageOf(topic: Topic, number: number) {
  const id = `person-${number % PEOPLE}`
  const identifiers = { id }
  const body = {
    identify: { identifiers, attributes: { number } },
    track: { identifiers, name: `event ${number}`, attributes: { number } },
    transactional: {
      ...{ channel: 'email', transactional_message_id: 1, identifiers, to: `${id}@example.com` },
      message_data: { number },
    },
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

function worldOf({ customerio: { workspace } }: Stack): World {
  return {
    people: [...workspace.people.all()].map(({ identifiers, attributes }) =>
      personOf(identifiers.id ?? '', attributes.toObject()),
    ),
    events: workspace.events.all().map(({ name, attributes }) => eventOf(name, attributes)),
    sends: workspace.sends.map(({ who, body }) => sendOf(who.value, body.message_data)),
  }
}

/** What the mapping makes of it: every third message of each topic once more, and of people only what it adds. */
function changedWorld(before: World, each: number): World {
  const changed = numbersOf(each).filter(isChanged)
  const people = new Map(numbersOf(Math.min(each, PEOPLE)).map((person) => [`person-${person}`, person]))
  return {
    people: before.people.map((text) => {
      const [id, number, fixed] = z.tuple([z.string(), z.unknown(), z.unknown()]).parse(JSON.parse(text))
      const last = changed.findLast((each) => each % PEOPLE === people.get(id))
      return personOf(id, { number, fixed: last ?? fixed })
    }),
    events: [...before.events, ...changed.map((number) => eventOf(`event ${number}`, { number, fixed: number }))],
    sends: [
      ...before.sends,
      ...changed.map((number) => sendOf(`person-${number % PEOPLE}`, { number, fixed: number })),
    ],
  }
}

const numbersOf = (count: number) => Array.from({ length: count }, (_, number) => number)

const personOf = (id: string, { number, fixed }: Readonly<Record<string, unknown>>) =>
  JSON.stringify([id, number, fixed])
const eventOf = (name: string, { number, fixed }: Readonly<Record<string, unknown>>) =>
  JSON.stringify([name, number, fixed])
const sendOf = (id: string, data: unknown) => JSON.stringify([id, data])

/** How many are in one list and not in the other, each as often as it is there. Pure. */
function differing(expected: readonly string[], actual: readonly string[]): number {
  const counts = new Map<string, number>()
  for (const each of expected) counts.set(each, (counts.get(each) ?? 0) + 1)
  for (const each of actual) counts.set(each, (counts.get(each) ?? 0) - 1)
  return [...counts.values()].reduce((sum, count) => sum + Math.abs(count), 0)
}
