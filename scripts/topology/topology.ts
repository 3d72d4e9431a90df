import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Deployed, withBulkLanes } from './bulk-lanes.ts'

const PIPELINE = 'terraform/pipeline.yaml'

/**
 * The first of these paths that exists in a folder or in one of those above it; undefined when there is none.
 *
 * @param paths relative ones, the preferred first
 */
export function findUpwards(from: string, paths: readonly string[]): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = paths.map((path) => join(folder, path)).find((path) => existsSync(path))
    if (found !== undefined || folder === dirname(folder)) return found
  }
}

/**
 * The folder that holds `terraform/`: of the checkout, or of the installed package, where compiled files lie deeper than
 * their sources do here.
 */
export const PROJECT_ROOT = join(dirname(findUpwards(import.meta.dirname, [PIPELINE]) ?? PIPELINE), '..')

/** The path of a document of the project, from where the person stands: `scripts/cio/README.md` in a checkout. */
export function documentPath(path: string): string {
  return relative(process.cwd(), join(PROJECT_ROOT, path))
}

const seconds = z.number().int().positive()

const share = z.number().positive().max(1)

const subscription = z.strictObject({
  topic: z.string(),
  push: z.string().optional(),
  bigquery: z.string().optional(),
  transform: z.strictObject({ file: z.string(), function: z.string() }).optional(),
  ordered: z.boolean().default(false),
  filter: z.string().optional(),
  ack_deadline_seconds: seconds.min(10).max(600),
  retention_seconds: seconds.min(600).max(2_678_400),
  minimum_backoff_seconds: seconds.optional(),
  maximum_backoff_seconds: seconds.max(600).optional(),
  dead_letter_topic: z.string().optional(),
  max_delivery_attempts: z.number().int().min(5).max(100).optional(),
})

const cloudFunction = z.strictObject({
  entry_point: z.string(),
  memory: z.string(),
  cpu: z.string(),
  concurrency: z.number().int().min(1).max(1000),
  min_instances: z.number().int().min(0),
  max_instances: z.number().int().min(1),
  timeout_seconds: seconds,
  longest_push_seconds: seconds.optional(),
  ingress: z.enum(['internal', 'all']),
  rate_share: share.optional(),
  broadcast_share: share.optional(),
  look_up_share: share.optional(),
  secrets: z.array(z.string()).default([]),
  publishes: z.string().optional(),
  moves_floods: z.boolean().default(false),
  warehouse: z.boolean().default(false),
  ledger: z.boolean().default(false),
  probes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  bulk_lane: z
    .strictObject({
      part: z.number().gt(0).lt(1),
      min_instances: z.number().int().min(0).optional(),
      max_instances: z.number().int().min(1).optional(),
    })
    .optional(),
})

const table = z.strictObject({
  schema: z.string(),
  partition_field: z.string(),
  partition_type: z.enum(['HOUR', 'DAY', 'MONTH', 'YEAR']),
  clustering: z.array(z.string()).max(4),
})

const tableFunction = z.strictObject({
  query: z.string(),
  view: z.string(),
  over: z.string(),
  arguments: z.array(z.strictObject({ name: z.string(), type: z.enum(['STRING', 'DATE']) })).min(1),
})

const topologySchema = z.strictObject({
  topics: z.record(z.string(), z.strictObject({ retention_days: z.number().min(0).max(31).default(0) })),
  subscriptions: z.record(z.string(), subscription),
  secrets: z.record(z.string(), z.strictObject({ id: z.string(), is_credential: z.boolean().default(true) })),
  secret_rotation: z.strictObject({ topic: z.string(), period_days: z.number().int().positive() }),
  record: z.strictObject({ topic: z.string(), filter: z.string() }),
  probe: z.strictObject({ topic: z.string(), schedule: z.string(), names_schedule: z.string() }),
  customerio: z.strictObject({
    headroom: share,
    broadcasts_per_second: z.number().positive(),
    app_requests_per_second: z.number().positive(),
    reserved_app_shares: z.strictObject({ operators: share }),
  }),
  functions: z.record(z.string(), cloudFunction),
  ledger: z.strictObject({
    database: z.string(),
    collection: z.string(),
    ttl_field: z.string(),
    ttl_days: z.number().int().positive(),
    indexed_fields: z.array(z.string()),
    indexed_lists: z.array(z.string()),
  }),
  bigquery: z.strictObject({
    dataset: z.string(),
    tables: z.record(z.string(), table),
    views: z.record(z.string(), z.strictObject({ query: z.string() })),
    table_functions: z.record(z.string(), tableFunction),
  }),
})

/**
 * `BODY_MEMORY_BYTES` of a function, as Terraform computes it: its memory (such as `1Gi`) less what a process takes without
 * requests.
 */
export function bodyMemoryBytes(memory: string): number {
  return (mebibytes(memory) - 256) * 1_048_576
}

/**
 * `NODE_OPTIONS` of a function, as Terraform computes it from its memory. Without it V8 fits its heap to the memory of the
 * machine, and an instance would collect its garbage otherwise here than in the cloud.
 *
 * @param own those in the function's `environment`, which come last: Node takes the last of two that contradict each other
 */
export function nodeOptions(memory: string, own?: string): string {
  const heap = `--max-old-space-size=${mebibytes(memory) - 64} --max-semi-space-size=32`
  return own ? `${heap} ${own}` : heap
}

function mebibytes(memory: string): number {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(memory) ?? []
  return Number(amount) * (unit === 'Gi' ? 1_024 : 1)
}

export interface Topology extends Omit<z.infer<typeof topologySchema>, 'functions'> {
  /** With the functions of bulk lanes, to which their subscriptions push (`withBulkLanes`). */
  readonly functions: Readonly<Record<string, Deployed<z.infer<typeof cloudFunction>>>>
  /** Before every name: `name_prefix` of an environment. Empty in `pipeline.yaml`. */
  readonly namePrefix: string
}

let last: { readonly text: string; readonly topology: Topology } | undefined

/**
 * Reads `terraform/pipeline.yaml`, the definition that Terraform deploys. Throws with the path of what is wrong. As long as
 * the file says the same, it is the same object.
 */
export function readTopology(root: string = PROJECT_ROOT): Topology {
  const text = readFileSync(join(root, PIPELINE), 'utf8')
  if (last?.text !== text) last = { text, topology: topologyOf(parse(text)) }
  return last.topology
}

/** What a pipeline.yaml with this content deploys. Throws with the path of what is wrong. Pure. */
export function topologyOf(pipeline: unknown): Topology {
  const parsed = topologySchema.safeParse(pipeline)
  if (!parsed.success) throw new Error(`${PIPELINE}: ${z.prettifyError(parsed.error)}`)
  const { functions, subscriptions } = parsed.data
  return { ...parsed.data, ...withBulkLanes(functions, subscriptions), namePrefix: '' }
}

/** The functions whose code is bundled: a bulk lane runs the bundle of another. Pure. */
export function bundleNames({ functions }: Pick<Topology, 'functions'>): readonly string[] {
  return [...new Set(Object.values(functions).map(({ code }) => code))]
}

/**
 * The pull subscriptions in which the dead letters of a topic wait: what failed first, then, where they are kept apart, those
 * that were not sent by decision. Pure.
 *
 * @param topic one that messages are delivered from, such as `track`
 */
export function deadLetterSubscriptions(
  { subscriptions }: Pick<Topology, 'subscriptions'>,
  topic: string,
): readonly string[] {
  const letters = new Set(
    Object.values(subscriptions).flatMap((each) => (each.topic === topic ? (each.dead_letter_topic ?? []) : [])),
  )
  const waiting = Object.entries(subscriptions).filter(([, each]) => letters.has(each.topic) && each.push === undefined)
  const isFailed = ([, { filter }]: (typeof waiting)[number]) => filter === undefined || filter.startsWith('NOT ')
  return waiting.toSorted((a, b) => Number(isFailed(b)) - Number(isFailed(a))).map(([name]) => name)
}
