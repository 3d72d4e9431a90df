import { once } from 'node:events'
import type { Stack } from '../../local/stack.ts'
import type { CommandLine } from '../testing/command-line.ts'
import { runKilled } from './kills.ts'

export interface ReplayProof {
  readonly stack: Stack
  readonly cio: CommandLine
  readonly letters: number
  readonly kills: number
  readonly random: () => number
}

export interface ReplayProven {
  readonly killed: number
  readonly leftBehind: number
  /** Messages that were never sent. */
  readonly lost: readonly string[]
  /** Messages that were sent more than once. */
  readonly twice: readonly string[]
  /** Replays in all: more than letters by what was published and not noted before a kill. */
  readonly published: number
}

/** Replays transactional dead letters with a command that is killed at random points, and counts every send. */
export async function proveReplay(proof: ReplayProof): Promise<ReplayProven> {
  const { stack, letters } = proof
  const { projectId } = stack.endpoints
  const names = Array.from({ length: letters }, (_, index) => `person-${index}`)
  const deadLetters = stack.client.topic('transactional-dead-letter')
  await Promise.all(
    names.map((name, index) => {
      const message = {
        channel: 'email',
        transactional_message_id: 1 + (index % 3),
        identifiers: { id: name },
        to: `${name}@example.com`,
      }
      // One half has a publisher's key, the other half only the id of its first life.
      const key: Record<string, string> = index % 2 === 0 ? { idempotency_key: `key-${index}` } : {}
      const attributes = { ...key, source_message_id: `${1_000_000 + index}`, reason: 'exhausted', error: 'answer 503' }
      return deadLetters.publishMessage({ data: Buffer.from(JSON.stringify(message)), attributes })
    }),
  )
  const topic = `projects/${projectId}/topics/transactional`
  let published = 0
  const count = (event: { readonly topic: string }) => {
    if (event.topic === topic) published++
  }
  stack.pubsub.events.on('published', count)
  const args = ['dlq', 'replay', 'transactional', '--yes', '--rate', '400']
  const { last, killed } = await runKilled({ ...proof, args, pubsub: stack.pubsub, topic, messages: letters })
  stack.pubsub.events.off('published', count)
  if (last.code !== 0) throw new Error(`the last run ended with ${last.code}:\n${last.stdout}${last.stderr}`)
  const outstanding = (name: string) => stack.pubsub.stats(`projects/${projectId}/subscriptions/${name}`).outstanding
  while (outstanding('transactional') > 0) await once(stack.pubsub.events, 'acknowledged')
  const sends = Map.groupBy(stack.customerio.workspace.sends, ({ who }) => who.value)
  return {
    killed,
    leftBehind: outstanding('transactional-dead-letter'),
    lost: names.filter((name) => !sends.has(name)),
    twice: names.filter((name) => (sends.get(name)?.length ?? 0) > 1),
    published,
  }
}
