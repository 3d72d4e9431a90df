/** The filter of what a topic's bulk lane takes, as `local.lanes` in terraform/pipeline.tf has it. */
const BULK_FILTER = 'attributes.lane = "bulk"'

const SHARES = ['rate_share', 'broadcast_share', 'look_up_share'] as const

type Shares = { readonly [share in (typeof SHARES)[number]]?: number | undefined }

interface Described extends Shares {
  readonly max_instances: number
  readonly bulk_lane?:
    | {
        readonly part: number
        readonly min_instances?: number | undefined
        readonly max_instances?: number | undefined
      }
    | undefined
}

interface Subscribed {
  readonly push?: string | undefined
  readonly filter?: string | undefined
}

/** A function as it is deployed. */
export type Deployed<F> = Omit<F, 'bulk_lane'> & {
  /** The folder of `functions/` whose bundle it runs: its own name; for a bulk lane, the name of the function that it belongs to. */
  readonly code: string
}

/**
 * The pipeline with the function `<name>-bulk` beside each function that names a `bulk_lane`: the same code, with that part
 * of its shares, to which the subscriptions of the bulk lane push. Terraform has the same rule in lanes.tf. Pure.
 *
 * @throws when a function has a `bulk_lane` and no bulk subscription
 */
export function withBulkLanes<F extends Described, S extends Subscribed>(
  functions: Readonly<Record<string, F>>,
  subscriptions: Readonly<Record<string, S>>,
): { readonly functions: Record<string, Deployed<F>>; readonly subscriptions: Record<string, S> } {
  const isBulkOf = (name: string, { push, filter }: Subscribed) => push === name && filter === BULK_FILTER
  for (const [name, { bulk_lane }] of Object.entries(functions)) {
    if (bulk_lane === undefined || Object.values(subscriptions).some((each) => isBulkOf(name, each))) continue
    throw new Error(`functions.${name}.bulk_lane: no subscription with the filter ${BULK_FILTER} pushes to ${name}`)
  }
  return {
    functions: Object.fromEntries(Object.entries(functions).flatMap(([name, each]) => deployedAs(name, each))),
    subscriptions: Object.fromEntries(
      Object.entries(subscriptions).map(([name, each]) => {
        const { push } = each
        const hasLane = push !== undefined && functions[push]?.bulk_lane !== undefined && isBulkOf(push, each)
        return [name, hasLane ? { ...each, push: `${push}-bulk` } : each]
      }),
    ),
  }
}

function deployedAs<F extends Described>(name: string, described: F): [string, Deployed<F>][] {
  const { bulk_lane: lane, ...own } = described
  if (lane === undefined) return [[name, { ...own, code: name }]]
  const { part, min_instances = 0, max_instances = own.max_instances } = lane
  return [
    [name, { ...own, ...shares(described, 1 - part), code: name }],
    [`${name}-bulk`, { ...own, ...shares(described, part), min_instances, max_instances, code: name }],
  ]
}

function shares(described: Shares, part: number): Shares {
  return Object.fromEntries(
    SHARES.flatMap((share) => {
      const whole = described[share]
      return whole === undefined ? [] : [[share, whole * part] as const]
    }),
  )
}
