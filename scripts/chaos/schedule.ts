import { drawing } from './draw.ts'
import type { Topic } from './messages.ts'

const TRACK_API: readonly Topic[] = ['identify', 'track']
const APP_API: readonly Topic[] = ['transactional']
const ALL: readonly Topic[] = ['identify', 'track', 'transactional']
/** Trouble that meets one of these at a time: either API, or one function's instance. */
const ONE_API: readonly (readonly Topic[])[] = [TRACK_API, APP_API]
const ONE_FUNCTION: readonly (readonly Topic[])[] = [['identify'], ['track'], ['transactional']]

interface FaultRule {
  /** Who it can meet; the seed picks one of them. */
  readonly meets: readonly (readonly Topic[])[]
  /** From and to, milliseconds. */
  readonly lasts: readonly [number, number]
  /** Not in every round but in each n-th: pushes to a frozen instance come back only at their deadline, and hold up the rest. */
  readonly every?: number
  /** In every run, however short: they are spread over a round, the first at its beginning. The next fault begins with it. */
  readonly always?: boolean
  /** Nothing else goes wrong meanwhile, so that what it does to the others can be measured. */
  readonly alone?: boolean
}

/**
 * Every kind of trouble, in the words of the table that is printed. How it is made is in inject.ts.
 * A `freeze` stays below the margin that the ledger is promised; `freeze beyond the lease` outlasts lease and settle time.
 * A `pause` is an operator's, of one subscription of a function or of both. In a `rollout` a second revision of every function starts, both serve, and the first one drains.
 */
export const FAULTS = {
  '429': { meets: ONE_API, lasts: [300, 2_000] },
  '429 with Retry-After': { meets: ONE_API, lasts: [300, 2_000] },
  '500': { meets: ONE_API, lasts: [500, 3_000] },
  '503': { meets: ONE_API, lasts: [500, 3_000] },
  'HTML 502': { meets: ONE_API, lasts: [500, 3_000] },
  'answer past the timeout': { meets: ONE_API, lasts: [500, 3_000] },
  'no answer': { meets: ONE_API, lasts: [500, 2_000] },
  'reset before processing': { meets: ONE_API, lasts: [500, 3_000] },
  'reset after processing': { meets: ONE_API, lasts: [500, 3_000] },
  'cut-off body': { meets: ONE_API, lasts: [500, 3_000] },
  '400 for the batch': { meets: [TRACK_API], lasts: [200, 1_000] },
  'look-up fails': { meets: [APP_API], lasts: [1_000, 4_000] },
  'credentials revoked': { meets: ONE_API, lasts: [500, 2_500] },
  'credentials rotated': { meets: ONE_API, lasts: [200, 2_000] },
  'host down': { meets: [ALL], lasts: [300, 2_000] },
  'kill -9': { meets: ONE_FUNCTION, lasts: [0, 1_000] },
  SIGTERM: { meets: ONE_FUNCTION, lasts: [0, 1_000] },
  freeze: { meets: ONE_FUNCTION, lasts: [300, 6_000] },
  'freeze beyond the lease': { meets: [APP_API], lasts: [18_000, 24_000], every: 3 },
  pause: { meets: ONE_FUNCTION, lasts: [3_000, 5_000], always: true },
  'Firestore restart': { meets: [APP_API], lasts: [100, 2_000] },
  'Firestore unavailable': { meets: [APP_API], lasts: [500, 3_000] },
  'Firestore answer lost': { meets: [APP_API], lasts: [500, 3_000] },
  'Pub/Sub restart': { meets: [ALL], lasts: [100, 1_500] },
  'duplicate deliveries': { meets: ONE_FUNCTION, lasts: [1_000, 4_000] },
  rollout: { meets: [ALL], lasts: [2_000, 4_000], every: 2 },
  'flood of one key': { meets: [['identify']], lasts: [28_000, 30_000], every: 3, alone: true },
  'largest messages': { meets: [['track'], APP_API], lasts: [3_000, 4_000], every: 3, alone: true },
} as const satisfies Record<string, FaultRule>
export type FaultKind = keyof typeof FAULTS

export interface PlannedFault {
  readonly kind: FaultKind
  readonly topics: readonly Topic[]
  /** From the start of the run. */
  readonly atMs: number
  readonly durationMs: number
  /** Decides what the kind leaves open: which instance, whether the request took effect. */
  readonly roll: number
}

/** A fault that was made, from when until when, by `performance.now()`. */
export interface MadeFault {
  readonly fault: PlannedFault
  readonly fromMs: number
  readonly untilMs: number
}

const FIRST_FAULT_MS = 1_000
/** One begins after another, whether or not the one before is over. */
const GAP_MS = [800, 2_600] as const

/** Between the last fault and one that has to be alone. */
const SETTLED_MS = 3_000

/** Each kind of fault with each that it can meet. */
const ALL_FAULTS = Object.entries<FaultRule>(FAULTS).flatMap(
  ([kind, { meets, lasts, every = 1, always = false, alone = false }]) =>
    meets.map((topics) => ({ kind: kind as FaultKind, topics, lasts, every, always, alone })),
)

export interface FaultPlanOptions {
  readonly seed: number
  readonly seconds: number
  /** No other kind; every kind when absent. */
  readonly only?: FaultKind | undefined
}

/** The faults of a run: every one in an order of the seed's, then all again in another, until the time is over. */
export function planFaults({ seed, seconds, only }: FaultPlanOptions): PlannedFault[] {
  const draw = drawing(seed ^ 0x5eed)
  const between = ([from, to]: readonly [number, number]) => from + draw.below(to - from)
  const planned: PlannedFault[] = []
  const endMs = seconds * 1_000
  let atMs = FIRST_FAULT_MS
  let overMs = 0
  for (let round = 0; atMs < endMs; round++) {
    const before = planned.length
    const rest = draw.shuffled(ALL_FAULTS.filter(({ always }) => !always))
    const spread = draw.shuffled(ALL_FAULTS.filter(({ always }) => always))
    const gap = Math.ceil(rest.length / spread.length)
    const inOrder = spread.flatMap((one, index) => [one, ...rest.slice(index * gap, (index + 1) * gap)])
    for (const { kind, topics, lasts, every, always, alone } of inOrder) {
      if (only === undefined ? round % every > 0 : kind !== only) continue
      const startMs = alone ? Math.max(atMs, overMs + SETTLED_MS) : atMs
      const fault = { kind, topics, atMs: startMs, durationMs: between(lasts), roll: draw.below(1_000) }
      const faultEndMs = startMs + fault.durationMs
      // All are over when the last message has been published.
      if (faultEndMs > endMs) continue
      planned.push(fault)
      overMs = Math.max(overMs, faultEndMs)
      if (!always || only !== undefined) atMs = (alone ? faultEndMs : startMs) + between(GAP_MS)
    }
    // Nothing more fits.
    if (planned.length === before) break
  }
  return planned
}
