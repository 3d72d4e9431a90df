import { setTimeout as delay } from 'node:timers/promises'
import type { Baseline } from '../lab/bundles.ts'
import type { FunctionName, Sinks } from '../lab/lab.ts'
import { usageOf } from '../lab/process-usage.ts'
import { watch } from '../lab/watch.ts'
import { type MessageKind, requestsOf } from '../load/messages.ts'
import { median } from '../statistics.ts'
import { whyRejected } from '../validity.ts'
import { type Bench, type Figure, inRounds, type Row, rowOf, told } from './figure.ts'

/** Starts are short, so there can be more of them than of other rounds. */
const STARTS_A_ROUND = 3
/** What was begun by the first message has ended by then. */
const REST_MS = 300

const STARTED: Readonly<Record<FunctionName | 'empty', MessageKind>> = {
  empty: 'track',
  identify: 'identify',
  track: 'track',
  webhook: 'webhook',
  transactional: 'transactional',
  warehouse: 'webhook-event',
  // A round takes as long as the way to Customer.io and back.
  probe: 'look',
}
const TARGETS: readonly (readonly [FunctionName, { readonly start: number; readonly memory: number }])[] = [
  ['identify', { start: 0.9, memory: 1 }],
  ['track', { start: 0.9, memory: 1 }],
  ['webhook', { start: 1.1, memory: 1.3 }],
  ['transactional', { start: 1.4, memory: 1.3 }],
  ['warehouse', { start: 1.1, memory: 1.3 }],
  ['probe', { start: 1.1, memory: 1.3 }],
]

type Start = { readonly milliseconds: number; readonly residentMiB: number }
type Starts = Readonly<Record<FunctionName | 'empty', Start>>

/** From the spawn of the process to its first answered message, and its memory then. */
export const coldStart: Figure = {
  name: 'cold-start',
  async run(bench: Bench) {
    const { lab } = bench
    const sinks = {
      customerio: await lab.sink({ kind: 'customerio', latencyMs: 0 }),
      pubsub: await lab.sink({ kind: 'pubsub', latencyMs: 0 }),
      bigquery: await lab.sink({ kind: 'bigquery', latencyMs: 0 }),
      firestore: await lab.sink({ kind: 'firestore' }),
    }
    const round = async () => {
      const { result, ...surroundings } = await watch(lab, { instances: [], sinks: Object.values(sinks) }, async () => {
        const starts: Partial<Record<FunctionName | 'empty', Start>> = {}
        let instanceCpuSeconds = 0
        for (const name of names) {
          const { cpuSeconds, ...start } = await startOf(bench, name, sinks)
          starts[name] = start
          instanceCpuSeconds += cpuSeconds
        }
        return { starts: starts as Starts, instanceCpuSeconds }
      })
      // The instances came and went within the round, so their own time looks like that of other programs.
      const otherCores = Math.max(0, surroundings.otherCores - result.instanceCpuSeconds / surroundings.seconds)
      return { ...surroundings, otherCores, ...result }
    }
    await round()
    const rounds = bench.quick ? 1 : STARTS_A_ROUND * bench.rounds
    const { counted, rejected, disturbed } = await inRounds({ ...bench, rounds }, round, whyRejected)

    const rows: Row[] = TARGETS.flatMap(([name, target]) => {
      const of = (what: keyof Start, side: FunctionName | 'empty') => counted.map(({ starts }) => starts[side][what])
      const ratios = (what: keyof Start) => counted.map(({ starts }) => starts[name][what] / starts.empty[what])
      const numbers = (what: keyof Start, unit: string) =>
        `${told(median(of(what, name)))} ${unit} against ${told(median(of(what, 'empty')))} ${unit}`
      const against = 'the empty function'
      return [
        rowOf(
          {
            figure: `cold start of ${name}, spawn to first answered ${name === 'probe' ? 'request' : 'message'}`,
            against,
            target: { atMost: target.start },
            inNumbers: numbers('milliseconds', 'ms'),
          },
          ratios('milliseconds'),
        ),
        rowOf(
          {
            figure: `memory of ${name} after start`,
            against,
            target: { atMost: target.memory },
            inNumbers: numbers('residentMiB', 'MiB'),
          },
          ratios('residentMiB'),
        ),
      ]
    })
    const isMemory = ({ figure }: Row) => figure.startsWith('memory')
    return {
      rows: [...rows.filter((row) => !isMemory(row)), ...rows.filter(isMemory)],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}

const names = Object.keys(STARTED) as (FunctionName | 'empty')[]

async function startOf({ lab }: Bench, name: FunctionName | Extract<Baseline, 'empty'>, sinks: Sinks) {
  const [request] = requestsOf(STARTED[name], 1)
  if (request === undefined) throw new Error('no message')
  const instance = await lab.instance(name, sinks)
  const { milliseconds, status } = await instance.firstAnswer(request)
  if (status !== (name === 'probe' ? 405 : 204)) throw new Error(`${name} answered its first message with ${status}`)
  await delay(REST_MS)
  const { residentMiB, cpuSeconds } = usageOf(instance.pid)
  await instance.close()
  return { milliseconds, residentMiB, cpuSeconds }
}
