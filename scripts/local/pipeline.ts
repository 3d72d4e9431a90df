import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { requirePeers } from '../package/peers.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { clientEnvironment, IS_PACKAGE, PIPELINE_VARIABLE } from './environment.ts'

/** Something that the local Customer.io received. */
export interface ReceivedOperation {
  /** `identify`, `event`, `object.identify`, `send.email`, `broadcast` … */
  readonly kind: string
  readonly body: unknown
  /** `applied`, `refused`, or why it changed nothing. */
  readonly result: string
}

/** A message that the pipeline dead-lettered. */
export interface DeadLetter {
  /** `contract`, `refused`, `exhausted`, `uncertain` … */
  readonly reason: string
  /** Which field breaks which rule, or what Customer.io answered. */
  readonly error: string
  /** The message's own attributes, and where it comes from. */
  readonly attributes: Readonly<Record<string, string>>
  /** The bytes as they were published, as text. */
  readonly body: string
}

/** A running local pipeline, from any process. */
export interface LocalPipeline {
  /** Resolves when every message and webhook has been delivered or dead-lettered; rejects after 30 s. */
  settled(): Promise<void>
  /**
   * Forgets everything: waiting messages, dead letters, what Customer.io knows, the send ledger, BigQuery's rows. Takes some
   * milliseconds: for `beforeEach`.
   */
  reset(): Promise<void>
  /** What Customer.io received since the last reset, in order. @param kinds only these; `send` stands for every `send.*` */
  received(...kinds: readonly string[]): Promise<readonly ReceivedOperation[]>
  /** The dead letters of a topic, which stay where they are. */
  deadLetters(topic: 'identify' | 'track' | 'transactional'): Promise<readonly DeadLetter[]>
}

/** A pipeline that this process started. */
export interface StartedPipeline extends LocalPipeline {
  /** The variables by which clients find the pipeline. They are set in this process until `close`, and inherited by its children. */
  readonly env: Readonly<Record<string, string>>
  /** The local Customer.io: `/_local/people/<id>`, `/_local/faults` and the rest of its own API. */
  readonly customerioUrl: string
  /** Where it takes webhooks. */
  readonly webhookUrl: string
  /** Where each function's log file is, until `close`. */
  readonly logs: string
  close(): Promise<void>
}

export interface LocalPipelineOptions {
  /** Ports by name: `pubsub`, `firestore`, `bigquery`, `customerio`, or a function. Free ones by default. */
  readonly ports?: Readonly<Record<string, number>>
}

/**
 * Starts the whole pipeline on this machine, on free ports: the functions as they are deployed, between a Pub/Sub, a
 * Firestore, a BigQuery and a Customer.io. For the global setup of a test runner, whose tests then call
 * {@link connectLocalPipeline}.
 *
 * @throws {Error} naming the packages that it needs and that are not installed, with the command that installs them
 */
export async function startLocalPipeline(options: LocalPipelineOptions = {}): Promise<StartedPipeline> {
  requirePeers('testing', 'startLocalPipeline()')
  // Not above: who only wants the fake publisher needs none of this.
  const [{ startStack }, { startControl }] = await Promise.all([import('./stack.ts'), import('./control.ts')])
  // Bundles that are built here find the functions framework in the checkout's node_modules.
  const parent = IS_PACKAGE ? tmpdir() : join(PROJECT_ROOT, '.local')
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, 'cio-gcp-'))
  const closing: (() => Promise<unknown> | unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    closing.push(changeEnvironment({ METADATA_SERVER_DETECTION: 'none' }))
    const ports = { all: 0, ...options.ports }
    // Retries come at once: a test does not wait for ten seconds.
    const stack = await startStack({ directory, ports, announce: false, pubsub: { backoffScale: 0.01 } })
    closing.push(() => stack.close())
    const control = await startControl(stack)
    closing.push(() => control.close())
    const env = clientEnvironment(stack.endpoints, control.url)
    closing.push(changeEnvironment(env))
    return {
      ...createClient(control.url),
      env,
      customerioUrl: stack.endpoints.customerio,
      webhookUrl: stack.endpoints.functions.webhook ?? '',
      logs: stack.endpoints.logs,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The pipeline that another process started with {@link startLocalPipeline} or `npm start -- --exec`, found by the
 * environment.
 *
 * @throws {Error} when there is none
 */
export function connectLocalPipeline(): LocalPipeline {
  const url = process.env[PIPELINE_VARIABLE]
  if (url === undefined) {
    throw new Error(
      `${PIPELINE_VARIABLE} is not set: start a pipeline first, with startLocalPipeline() in the global setup`,
    )
  }
  return createClient(url)
}

const receivedSchema = z.array(z.object({ kind: z.string(), body: z.unknown(), result: z.string() }))
const deadLettersSchema = z.array(
  z.object({
    reason: z.string().default(''),
    error: z.string().default(''),
    attributes: z.record(z.string(), z.string()),
    body: z.string(),
  }),
)

function createClient(url: string): LocalPipeline {
  const ask = async (method: 'GET' | 'POST', path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, { method })
    const body: unknown = await response.json()
    if (response.ok) return body
    throw new Error(z.object({ error: z.string() }).parse(body).error)
  }
  return {
    settled: async () => void (await ask('POST', '/settled')),
    reset: async () => void (await ask('POST', '/reset')),
    received: async (...kinds) => {
      const query = new URLSearchParams(kinds.map((kind): [string, string] => ['kind', kind]))
      return receivedSchema.parse(await ask('GET', `/received?${query}`))
    },
    deadLetters: async (topic) => deadLettersSchema.parse(await ask('GET', `/dead-letters?topic=${topic}`)),
  }
}

/** Sets variables of this process, and gives what sets them back. */
function changeEnvironment(changes: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, changes)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
