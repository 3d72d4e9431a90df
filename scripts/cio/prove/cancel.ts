import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { InstancePool } from '../../chaos/instances.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'

/** How long instances go on after a cancellation: longer than the rules may be old. */
const WATCHED_MS = 30_000
/** Of the account: the function may make six sends per second, and a bulk send outlasts the watch. */
const REQUESTS_PER_SECOND = 25
const MESSAGES = 400

interface Cancelled {
  /** From the end of the command until Customer.io had the last send of it; 0 when none came after it. */
  readonly lastAfterMs: number
  readonly delivered: number
  readonly cancelled: number
}

/**
 * Cancels a bulk send half-way while its function has two instances, one of which is killed and starts again, and a second
 * revision starts beside them: two more instances that read the rules at another time.
 */
async function cancelOnce(stack: Stack, pool: InstancePool, template: number): Promise<Cancelled> {
  const cio = commandLine(['--endpoints', join(PROJECT_ROOT, '.local', 'prove-cancel', 'endpoints.json')])
  const arrivedAtMs: number[] = []
  const onReceived = ({ kind }: { readonly kind: string }) => {
    if (kind === 'send') arrivedAtMs.push(performance.now())
  }
  stack.customerio.events.on('received', onReceived)
  const topic = stack.client.topic('transactional')
  await Promise.all(
    Array.from({ length: MESSAGES }, (_, number) => {
      const to = `person${number}@example.com`
      const body = { channel: 'email', transactional_message_id: template, to, identifiers: { id: `u${number}` } }
      return topic.publishMessage({ data: Buffer.from(JSON.stringify(body)), attributes: { lane: 'bulk' } })
    }),
  )
  while (arrivedAtMs.length < 20) await delay(100)
  const ran = await cio.run(['cancel', '--where', `template=${template}`, '--why', 'measured', '--yes'])
  if (ran.code !== 0) throw new Error(ran.stderr)
  const cancelledAtMs = performance.now()
  const [first] = pool.instances
  await pool.rollOut(
    async () => {
      first?.process.signal('SIGKILL')
      await delay(WATCHED_MS)
    },
    (_old, drain) => drain(),
  )
  const bulk = `projects/${stack.endpoints.projectId}/subscriptions/transactional-bulk`
  while (stack.pubsub.stats(bulk).outstanding > 0) await delay(100)
  stack.customerio.events.off('received', onReceived)
  return {
    lastAfterMs: Math.max(0, ...arrivedAtMs.map((atMs) => Math.round(atMs - cancelledAtMs))),
    delivered: arrivedAtMs.length,
    cancelled: MESSAGES - arrivedAtMs.length,
  }
}

/** Measures how long after `cancel` the last message of its kind is sent, several times. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '5' } } })
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const directory = join(PROJECT_ROOT, '.local', 'prove-cancel')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const stack = await startStack({
    ...{ directory, ports: { all: 0 }, functions: ['transactional'], instances: { transactional: 2 } },
    requestsPerSecond: REQUESTS_PER_SECOND,
  })
  const { transactional } = stack.functions
  if (transactional === undefined) throw new Error('no function transactional')
  const memoryBytes = 2 ** 30
  const pool = await InstancePool.start(transactional, {
    ...{ name: 'transactional', instances: 2, concurrency: 80, memoryBytes },
    ...{ onCrash: () => {}, onPush: () => {} },
  })
  try {
    await stack.client.subscription('transactional-bulk').modifyPushConfig({ pushEndpoint: pool.url })
    for (let time = 1; time <= Number(values.times); time++) {
      console.log(JSON.stringify(await cancelOnce(stack, pool, time)))
    }
  } finally {
    await pool.close()
    await stack.close()
  }
}

await main()
