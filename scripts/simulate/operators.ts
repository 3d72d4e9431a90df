import { createSendLedger, settle } from '../../shared/ledger/index.ts'
import { type DeadLetter, lastingId, replayOf } from '../cio/dead-letters/dead-letter.ts'
import { recordIdOf } from '../cio/dead-letters/evidence.ts'
import { sourcesOf } from '../cio/dead-letters/source.ts'
import type { HistoryEvent } from '../history/format.ts'
import type { Topology } from '../topology/topology.ts'
import type { Outgoing } from './broker.ts'
import type { GoogleApis } from './network.ts'
import type { World } from './world.ts'

export interface OperatorsOptions {
  readonly world: World
  readonly topology: Topology
  readonly google: GoogleApis
  /** Whether Customer.io shows them a send, as its delivery log does to a person. */
  readonly hasSend: (key: string) => boolean
  readonly publish: (topic: string, message: Outgoing) => void
  readonly record: (event: HistoryEvent) => void
}

const LATENCY_MS = 20
const LONGEST_WAIT_MS = 1_200_000
const AGAIN_MS = 60_000

/**
 * People who settle uncertain sends and replay what ran out of attempts, while everything else goes on. What they do is what
 * `cio-gcp dlq settle` and `dlq replay` do, who can be cut off in between and are then started again.
 */
export class Operators {
  readonly #options: OperatorsOptions
  readonly #ledger: ReturnType<typeof createSendLedger>
  readonly #seen = new Map<string, number>()
  #busy = 0

  constructor(options: OperatorsOptions) {
    this.#options = options
    const { world, topology, google } = options
    this.#ledger = createSendLedger({
      endpoint: { origin: '', metadata: undefined, connect: () => connectionOf(world, google) },
      projectId: 'simulated',
      database: topology.ledger.database,
      collection: topology.ledger.collection,
      clock: { now: () => world.nowMs, after: () => () => {} },
      random: () => 0,
    })
  }

  /** Whether somebody has still to do something. */
  get isBusy(): boolean {
    return this.#busy > 0
  }

  /** @param key of the message in the history */
  deadLettered(topic: string, op: string, key: string, letter: Outgoing): void {
    const { world, topology } = this.#options
    const times = (this.#seen.get(op) ?? 0) + 1
    this.#seen.set(op, times)
    const name = `operator ${op} ${times}`
    // After a few times somebody asks why.
    if (times > 3 || !world.choices.chance(`${name} acts`, 0.6)) return
    const { reason } = letter.attributes
    const [source] = sourcesOf(topology, [topic])
    if (source === undefined) throw new Error(`nobody reads the dead letters of ${topic}`)
    const deadLetter: DeadLetter = {
      ...letter,
      source,
      id: lastingId(`letter ${op}`, letter.attributes),
      messageId: '',
      ackId: '',
      deadLetteredAtMs: world.nowMs,
    }
    const waitMs = world.choices.between(`${name} after`, 1_000, LONGEST_WAIT_MS)
    if (reason === 'uncertain') this.#later(waitMs, () => this.#settle(name, topic, key, deadLetter))
    // An update that was overtaken meanwhile is nothing to replay: that is a person's decision.
    else if (reason === 'exhausted' && topic !== 'identify')
      this.#later(waitMs, async () => this.#replay(topic, deadLetter))
  }

  #later(ms: number, work: () => Promise<void>): void {
    this.#busy++
    this.#options.world.after(ms, () => void work().finally(() => this.#busy--))
  }

  async #settle(name: string, topic: string, key: string, deadLetter: DeadLetter): Promise<void> {
    const { world, hasSend, record } = this.#options
    const { choices } = world
    const id = recordIdOf(deadLetter)
    if (id === undefined) return
    const isSent = hasSend(key)
    const sendsAgain = !isSent || choices.chance(`${name} sends again`, 0.2)
    const decision = isSent ? (sendsAgain ? 'resend' : 'sent') : 'not sent'
    const settlement = await settle(this.#ledger, id, sendsAgain ? 'not_sent' : 'sent', name)
    world.tell(`an operator settles ${key} as ${decision}: ${settlement.kind}`)
    // It counts from here, also where the operator is cut off and decides otherwise later.
    if (settlement.kind === 'settled') record({ f: 'settle', atMs: world.elapsedMs, key, decision })
    if (settlement.kind === 'busy' || (sendsAgain && choices.fault(`${name} is cut off`, 0.1))) {
      this.#later(AGAIN_MS, () => this.#settle(`${name} again`, topic, key, deadLetter))
      return
    }
    const wasSent = settlement.kind === 'decided' && settlement.state === 'sent'
    if (sendsAgain && !wasSent) this.#replay(topic, deadLetter)
  }

  #replay(topic: string, deadLetter: DeadLetter): void {
    const { orderingKey = '', ...replay } = replayOf(deadLetter)
    this.#options.publish(topic, { ...replay, orderingKey })
  }
}

function connectionOf(world: World, google: GoogleApis) {
  return {
    isOver: false,
    destroy: () => {},
    send: (call: Parameters<GoogleApis>[0]) =>
      new Promise<Buffer[]>((resolve, reject) => {
        world.after(LATENCY_MS, () => {
          try {
            resolve(google(call))
          } catch (error) {
            reject(error)
          }
        })
      }),
  }
}
