import { Agent } from 'node:http'
import { ATTEMPTS_KEPT_IN_RESERVE } from '../../shared/delivery/index.ts'
import { check, type Violation } from '../history/check.ts'
import type { Stack } from '../local/stack.ts'
import { deadLetterSubscriptions } from '../topology/topology.ts'
import { effectsAt, lettersIn, readsOf, type SeenLetter } from './evidence.ts'
import type { Instance } from './instance.ts'
import { planMessages, TOPICS, type Topic } from './messages.ts'
import { Publisher } from './publisher.ts'
import { Recorder } from './recorder.ts'
import { FAULTS, type FaultKind, type PlannedFault, planFaults } from './schedule.ts'
import { Target } from './target.ts'
import { makeTrouble } from './trouble.ts'
import { MessageWatch } from './watch.ts'

/** What a stack cannot take that somebody works with, and why. */
const LEFT_OUT: Readonly<Partial<Record<FaultKind, string>>> = {
  'credentials rotated': 'it would leave other keys in the secrets',
  'freeze beyond the lease': 'the ledger has its ordinary lease, which is longer',
  'Firestore restart': 'its documents are in memory',
  rollout: 'each function has one process',
  'flood of one key': 'it measures the others, which nobody measures here',
  'largest messages': 'they need several processes of a function',
}

/** What trouble is made in a running stack, and what `npm run chaos` makes besides. */
export const LIVE_KINDS = {
  made: Object.keys(FAULTS).filter((kind) => !(kind in LEFT_OUT)),
  leftOut: Object.entries(LEFT_OUT).map(([kind, why]) => ({ kind, why })),
} as const

export interface LiveChaosOptions {
  readonly seed: number
  /** How long messages are published and trouble is made. */
  readonly seconds: number
  readonly messages: number
  /** New for each run of a stack, which remembers: letters and digits. */
  readonly run: string
}

/** How a run stands. */
export interface LiveChaosState extends LiveChaosOptions {
  /** `draining`: all trouble is over, and messages are still under way. */
  readonly phase: 'trouble' | 'draining' | 'over'
  readonly published: number
  /** Published, and neither delivered nor dead-lettered yet. */
  readonly open: number
  readonly outcomes: Readonly<Record<string, number>>
  /** Messages that were acknowledged without the evidence of an outcome; once all is over, also those never acknowledged. */
  readonly lost: number
  /** What Customer.io has too many of something that must be there once. */
  readonly twice: number
  /** Every broken promise, the first ones. */
  readonly violations: readonly Violation[]
  readonly faults: readonly (PlannedFault & { readonly state: 'planned' | 'on' | 'over' })[]
}

const VIOLATIONS_SHOWN = 20
const DRAIN_LIMIT_MS = 600_000
const WATCHED = ['published', 'attempted', 'delivered', 'acknowledged', 'deadLettered', 'expired'] as const

/**
 * The chaos of `npm run chaos` in a stack that somebody works with: the same messages and faults by the seed, as far as
 * one process per function can take them, judged by the same checker. Messages of others go on beside it and are not judged.
 */
export class LiveChaos {
  readonly #options: LiveChaosOptions
  readonly #stack: Stack
  readonly #recorder = new Recorder()
  readonly #watch: MessageWatch
  readonly #publisher: Publisher
  readonly #faults: readonly PlannedFault[]
  readonly #begun = new Set<PlannedFault>()
  readonly #ended = new Set<PlannedFault>()
  readonly #stopping = new AbortController()
  readonly #seqBefore: number
  #phase: LiveChaosState['phase'] = 'trouble'
  readonly #over = Promise.withResolvers<void>()
  /** Resolves when no trouble is made any more, and everything that it broke works again. */
  readonly troubleOver = this.#over.promise
  /** Resolves when the run is over. */
  readonly done: Promise<void>

  constructor(stack: Stack, options: LiveChaosOptions) {
    this.#options = options
    this.#stack = stack
    this.#watch = new MessageWatch(stack.endpoints.projectId)
    this.#watch.onSettled = (messageId) => this.#recorder.acknowledged(messageId)
    this.#watch.onAttempted = (attempt) => this.#recorder.attempted(attempt)
    this.#publisher = new Publisher(stack.client, this.#recorder, (message, id) => this.#watch.published(message, id))
    this.#faults = planFaults(options).filter(({ kind }) => !(kind in LEFT_OUT))
    this.#seqBefore = stack.customerio.inbox.of().at(-1)?.seq ?? 0
    this.done = this.#run()
  }

  /** Ends the trouble and the publishing; what is published drains. */
  stop(): void {
    this.#stopping.abort()
    void this.#publisher.stop()
  }

  /** How it stands, by the checker's judgement of all that is known now. */
  state(): LiveChaosState {
    const { violations, outcomes, surplus } = this.#verdict()
    const isOver = this.#phase === 'over'
    const broken = violations.filter(({ text }) => isOver || text !== 'never acknowledged')
    const counts: Record<string, number> = {}
    for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1
    return {
      ...this.#options,
      phase: this.#phase,
      published: this.#recorder.messages.filter(({ messageId }) => messageId !== undefined).length,
      open: this.#watch.open,
      outcomes: counts,
      lost: new Set(broken.flatMap(({ rule, subject }) => (rule === 'no loss' ? [subject] : []))).size,
      twice: [...surplus.values()].reduce((sum, { count, waived }) => sum + (waived ? 0 : count), 0),
      violations: broken.slice(0, VIOLATIONS_SHOWN),
      faults: this.#faults.map((fault) => ({ ...fault, state: this.#stateOf(fault) })),
    }
  }

  #stateOf(fault: PlannedFault): 'planned' | 'on' | 'over' {
    if (this.#ended.has(fault)) return 'over'
    return this.#begun.has(fault) ? 'on' : 'planned'
  }

  async #run(): Promise<void> {
    const { events } = this.#stack.pubsub
    const relays = WATCHED.map((name) => {
      const relay = (...event: readonly unknown[]) =>
        Reflect.apply(this.#watch.events.emit, this.#watch.events, [name, ...event])
      events.on(name, relay)
      return () => events.off(name, relay)
    })
    const onAnswered = (request: Parameters<Recorder['answered']>[0]) => this.#recorder.answered(request)
    this.#stack.customerio.events.on('answered', onAnswered)
    try {
      await this.#makeTrouble()
      this.#phase = 'draining'
      await this.#watch.allSettled(DRAIN_LIMIT_MS)
    } finally {
      this.#phase = 'over'
      for (const end of relays) end()
      this.#stack.customerio.events.off('answered', onAnswered)
    }
  }

  async #makeTrouble(): Promise<void> {
    const target = new Target({
      stack: this.#stack,
      pools: {
        of: {
          identify: this.#pool('identify'),
          track: this.#pool('track'),
          transactional: this.#pool('transactional'),
        },
      },
      withoutPublishing: (work) => this.#publisher.withoutPublishing(work),
      burst: (messages, atATime) => this.#publisher.burst(messages, atATime),
      onKill: () => {},
      onOverlap: () => {},
      onPause: (f, subscription) => this.#recorder.add({ f, atMs: this.#recorder.now(), subscription }),
    })
    const made = this.#faults.map(async (fault) => {
      const begins = () => this.#begun.add(fault)
      await makeTrouble(target, [fault], begins, this.#stopping.signal)
      this.#ended.add(fault)
    })
    try {
      await Promise.all([...made, this.#publisher.run(planMessages(this.#options))])
    } finally {
      target.end()
      this.#over.resolve()
    }
  }

  #pool(topic: Topic): { readonly instances: readonly Instance[]; rollOut(): Promise<void> } {
    const process = this.#stack.functions[topic]
    const one = {
      held: new Set<string>(),
      inFlight: 0,
      routed: true,
      spared: false,
      retired: false,
      agent: new Agent(),
    }
    return { instances: process === undefined ? [] : [{ ...one, process }], rollOut: async () => {} }
  }

  #verdict() {
    const { max_delivery_attempts: attempts = 0 } = this.#stack.topology.subscriptions.transactional ?? {}
    const recorder = this.#recorder
    const effects = effectsAt(this.#stack, recorder, this.#seqBefore).filter(
      // Others publish beside this run; what has its marks and is unknown would be an effect of nothing.
      (event) =>
        event.f !== 'apply' ||
        !event.key.startsWith('unknown ') ||
        event.key.startsWith(`unknown ${this.#options.run}`),
    )
    return check([
      ...recorder.history(`live chaos, seed ${this.#options.seed}`, attempts - ATTEMPTS_KEPT_IN_RESERVE, (id) =>
        this.#watch.originalOf(id),
      ),
      ...effects,
      ...readsOf(this.#stack, recorder),
      ...lettersIn(this.#letters(), recorder),
    ])
  }

  /** Seen where they wait: whoever works with the stack may want them. */
  #letters(): readonly SeenLetter[] {
    const names = new Set(
      TOPICS.flatMap((topic) => deadLetterSubscriptions(this.#stack.topology, topic)).map(
        (name) => `projects/${this.#stack.endpoints.projectId}/subscriptions/${name}`,
      ),
    )
    const { subscriptions } = this.#stack.pubsub.snapshot()
    return subscriptions
      .filter(({ resource }) => names.has(resource.name ?? ''))
      .flatMap(({ backlog }) =>
        backlog.map(({ message: { data, attributes, publishTimeMs } }) => ({
          data: Buffer.from(data),
          attributes,
          atMs: publishTimeMs,
        })),
      )
  }
}
