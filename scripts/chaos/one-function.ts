import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { env } from 'node:process'
import { PubSub } from '@google-cloud/pubsub'
import { buildFunctions } from '../build/build.ts'
import type { CustomerIoOptions, CustomerIoServer } from '../emulators/customerio/index.ts'
import { freePort } from '../emulators/ports.ts'
import { type PubSubServer, startPubSub } from '../emulators/pubsub/index.ts'
import { FunctionProcess } from '../local/function-process.ts'
import { startTestCustomerIo, TEST_CREDENTIALS } from '../testing/customerio.ts'
import { nodeOptions, PROJECT_ROOT, readTopology } from '../topology/topology.ts'

/** The built function of a topic on the functions framework's command line, and what it needs around it. */
export interface OneFunction {
  readonly process: FunctionProcess
  readonly customerio: CustomerIoServer
  readonly pubsub: PubSubServer
  /** Delivers a message, an object as JSON, as Pub/Sub pushes it; resolves with the answer's status. */
  push(body: object | Buffer, attributes?: Record<string, string>): Promise<number>
  /** So many dead letters, once they have arrived. */
  deadLetters(count: number): Promise<{ readonly bytes: Buffer; readonly attributes: Record<string, string> }[]>
  close(): Promise<void>
}

export interface OneFunctionOptions {
  readonly customerio?: Partial<CustomerIoOptions>
  readonly environment?: Readonly<Record<string, string>>
}

/** `fetch` opens a connection for each of many concurrent requests again; this keeps them, as Pub/Sub does. */
async function post(agent: Agent, url: string, body: string): Promise<number> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const sent = request(url, { method: 'POST', agent, headers }).end(body)
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

/** Builds and starts `identify` or `track`, alone: pushes come from the caller. */
export async function startOneFunction(
  name: 'identify' | 'track',
  options: OneFunctionOptions = {},
): Promise<OneFunction> {
  // Within the project, where the bundle finds the functions framework.
  mkdirSync(join(PROJECT_ROOT, '.local'), { recursive: true })
  const directory = mkdtempSync(join(PROJECT_ROOT, '.local', 'function-'))
  const bundles = env.TEST_BUNDLES ?? join(directory, 'dist')
  const [pubsub, customerio, port] = await Promise.all([
    startPubSub({ port: 0 }),
    startTestCustomerIo(options.customerio),
    freePort(),
    env.TEST_BUNDLES ?? buildFunctions(bundles, [name]),
  ])
  const process = new FunctionProcess({
    name,
    source: join(bundles, name),
    port,
    logFile: join(directory, 'logs', `${name}.log`),
    env: {
      GOOGLE_CLOUD_PROJECT: 'local',
      METADATA_SERVER_DETECTION: 'none',
      NODE_OPTIONS: nodeOptions(readTopology().functions[name]?.memory ?? '1Gi'),
      PUBSUB_EMULATOR_HOST: pubsub.host,
      DEAD_LETTER_TOPIC: 'dead-letter',
      BULK_LANE_TOPIC: name,
      MAX_DELIVERY_ATTEMPTS: '100',
      ACK_DEADLINE_SECONDS: '60',
      CUSTOMERIO_REGION: 'us',
      CUSTOMERIO_TRACK_URL: customerio.trackUrl,
      CUSTOMERIO_SITE_ID: TEST_CREDENTIALS.siteId,
      CUSTOMERIO_TRACK_API_KEY: TEST_CREDENTIALS.trackApiKey,
      CUSTOMERIO_REQUESTS_PER_SECOND: '1000',
      PERSON_HASH_KEYS: 'a key of thirty-two characters..',
      RECIPIENTS: 'anyone', // everybody here is made up
      ...options.environment,
    },
  })
  const client = new PubSub({ projectId: 'local', emulatorMode: true, apiEndpoint: pubsub.host })
  const agent = new Agent({ keepAlive: true })
  const close = async () => {
    await process.close()
    agent.destroy()
    await client.close()
    await Promise.all([pubsub.close(), customerio.close()])
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const [topic] = await client.createTopic('dead-letter')
    const [subscription] = await topic.createSubscription('dead-letter')
    await process.start()
    let pushed = 0
    return {
      process,
      customerio,
      pubsub,
      close,
      async push(body, attributes = {}) {
        const message = {
          data: (Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))).toString('base64'),
          attributes,
          messageId: String(++pushed),
          publishTime: new Date().toISOString(),
        }
        const subscription = `projects/local/subscriptions/${name}`
        return await post(agent, process.url, JSON.stringify({ message, subscription, deliveryAttempt: 1 }))
      },
      async deadLetters(count) {
        const deadLetters: { bytes: Buffer; attributes: Record<string, string> }[] = []
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        subscription.on('error', reject)
        subscription.on('message', (message) => {
          message.ack()
          deadLetters.push({ bytes: message.data, attributes: message.attributes })
          if (deadLetters.length === count) resolve()
        })
        await promise
        await subscription.close()
        return deadLetters
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
