import type { PubSubServer } from '../../emulators/pubsub/index.ts'
import type { CommandLine, Ended } from '../testing/command-line.ts'

export interface Kills {
  readonly cio: CommandLine
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly pubsub: PubSubServer
  /** Full name of the topic that the command publishes to. */
  readonly topic: string
  /** How many messages the command has to publish in all. */
  readonly messages: number
  readonly kills: number
  /** [0, 1) */
  readonly random: () => number
}

const LONGEST_LAG_MS = 60

/**
 * Runs a command again and again and kills it each time at another random point of its work, told by what it has
 * published, then lets it run to its end. Gives that last run and how many kills met a living process. However slow the
 * machine: each kill has an equal share of the messages and comes at the latest with the last of it, whose answer the
 * command still awaits.
 */
export async function runKilled(options: Kills): Promise<{ readonly last: Ended; readonly killed: number }> {
  const { cio, args, env, pubsub, topic, messages, kills } = options
  let killed = 0
  let published = 0
  for (let kill = 0; kill < kills; kill++) {
    const { child, ended } = cio.start(args, env === undefined ? {} : { env })
    const share = Math.floor((messages * (kill + 1)) / kills) - published
    const after = published + 1 + Math.floor(options.random() * Math.max(0, share - 1))
    const latest = published + Math.max(1, share)
    // Anywhere between this publish, its journal or database entry, and the next one.
    const lagMs = options.random() * LONGEST_LAG_MS
    const count = (event: { readonly topic: string }) => {
      if (event.topic !== topic) return
      published++
      if (published === latest) child.kill('SIGKILL')
      else if (published === after) setTimeout(() => child.kill('SIGKILL'), lagMs)
    }
    pubsub.events.on('published', count)
    const { code } = await ended
    pubsub.events.off('published', count)
    if (code === null) killed++
  }
  return { last: await cio.run(args, env === undefined ? {} : { env }), killed }
}

/** A generator of numbers in [0, 1) that gives the same ones for the same seed: a failure can be had again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
