import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Instance } from '../bench/lab/instance.ts'
import { Lab } from '../bench/lab/lab.ts'
import { usageOf } from '../bench/lab/process-usage.ts'
import { readTopology } from '../topology/topology.ts'
import type { LargeRequest, Scenario } from './largest-messages.ts'

export interface Soaked {
  /** Answers by status; 0 for a connection that was cut. */
  readonly answers: ReadonlyMap<number, number>
  readonly delivered: number
  /** False when the process ended, or took more than its memory and would have been killed. */
  readonly survived: boolean
  readonly limitMiB: number
  readonly mostResidentMiB: number
  /** Heap and buffers. */
  readonly mostUsedMiB: number
  readonly seconds: number
}

const LOOK_EVERY_MS = 10
/** How soon what was answered 503 is sent again: at first, and at most. Pub/Sub's own are 1 and 600 seconds. */
const LEAST_BACKOFF_MS = 500
const MOST_BACKOFF_MS = 8_000
const CUSTOMERIO_LATENCY_MS = 100

/**
 * Sends the largest messages to one built function under its memory limit, as many at once as it says, each until it is
 * answered 204.
 *
 * @param directory holds the bundle as `functions/<name>`
 */
export async function soak(directory: string, scenario: Scenario): Promise<Soaked> {
  const limitMiB = memoryMiB(scenario.function)
  const heapFile = join(directory, 'heap')
  const lab = await Lab.open(directory)
  const agent = new Agent({ keepAlive: true })
  try {
    const [customerio, pubsub, bigquery, firestore] = await Promise.all([
      lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS }),
      lab.sink({ kind: 'pubsub', latencyMs: 5 }),
      lab.sink({ kind: 'bigquery', latencyMs: 100 }),
      lab.sink({ kind: 'firestore' }),
    ])
    const instance = await lab.instance(
      scenario.function,
      { customerio, pubsub, bigquery, firestore },
      {
        env: { HEAP_WATCH_FILE: heapFile },
        nodeArguments: [`--import=${join(import.meta.dirname, 'heap-watch.ts')}`],
      },
    )
    await instance.listening()
    const startedAt = performance.now()
    const watched = watchMemory(instance, limitMiB)
    const answers = await sendAll(instance, agent, scenario, () => watched.ended)
    watched.stop()
    return {
      answers,
      delivered: answers.get(204) ?? 0,
      survived: !watched.ended,
      limitMiB,
      mostResidentMiB: watched.mostResidentMiB,
      mostUsedMiB: existsSync(heapFile) ? Number(readFileSync(heapFile, 'utf8')) : Number.NaN,
      seconds: (performance.now() - startedAt) / 1_000,
    }
  } finally {
    agent.destroy()
    await lab.close()
  }
}

function memoryMiB(name: string): number {
  const [, gibibytes] = /^(\d+)Gi$/.exec(readTopology().functions[name]?.memory ?? '') ?? []
  if (gibibytes === undefined) throw new Error(`the memory of ${name} is not in Gi`)
  return Number(gibibytes) * 1_024
}

/** Looks at the resident memory all the time, and ends the process when it passes its limit, as Cloud Run does. */
function watchMemory(instance: Instance, limitMiB: number) {
  const watched = {
    ended: false,
    mostResidentMiB: 0,
    stop: () => clearInterval(timer),
  }
  const timer = setInterval(() => {
    const residentMiB = residentOf(instance.pid)
    watched.mostResidentMiB = Math.max(watched.mostResidentMiB, residentMiB ?? 0)
    if (residentMiB === undefined) watched.ended = true
    else if (residentMiB > limitMiB) {
      watched.ended = true
      void instance.close()
    }
  }, LOOK_EVERY_MS)
  return watched
}

/** Undefined when the process is no more. */
function residentOf(pid: number): number | undefined {
  try {
    const { residentMiB } = usageOf(pid)
    return Number.isNaN(residentMiB) ? undefined : residentMiB
  } catch {
    return undefined
  }
}

async function sendAll(instance: Instance, agent: Agent, scenario: Scenario, hasEnded: () => boolean) {
  const answers = new Map<number, number>()
  let next = 0
  const sender = async () => {
    while (next < scenario.messages && !hasEnded()) {
      const large = scenario.request(next++)
      for (let backoffMs = LEAST_BACKOFF_MS; !hasEnded(); backoffMs = Math.min(2 * backoffMs, MOST_BACKOFF_MS)) {
        const status = await send(instance.port, agent, large)
        answers.set(status, (answers.get(status) ?? 0) + 1)
        if (status === 204) break
        await delay(backoffMs * (0.5 + Math.random()))
      }
    }
  }
  await Promise.all(Array.from({ length: scenario.concurrency }, sender))
  return answers
}

/** Resolves with the status of the answer, or 0 when the connection was cut. */
async function send(port: number, agent: Agent, { headers, parts }: LargeRequest): Promise<number> {
  const length = parts.reduce((sum, { length }) => sum + length, 0)
  const sent = request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    agent,
    headers: { ...headers, 'content-length': length },
  })
  const answered = once(sent, 'response')
  // Again and again while it is still written to.
  sent.on('error', () => {})
  for (const part of parts) sent.write(part)
  sent.end()
  try {
    const [response] = await answered
    response.resume()
    await once(response, 'end')
    return response.statusCode
  } catch {
    return 0
  }
}
