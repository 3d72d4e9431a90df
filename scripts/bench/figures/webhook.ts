import { readTopology } from '../../topology/topology.ts'
import type { Instance } from '../lab/instance.ts'
import { measure } from '../lab/measure.ts'
import { median } from '../statistics.ts'
import {
  type Bench,
  type Figure,
  type FigureResult,
  inRounds,
  problemsOfAll,
  rowOf,
  saturate,
  told,
  warmUp,
} from './figure.ts'

/** Webhooks of one instance, verified and published, and how long an answer takes when it has half of what it can do. */
export const webhook: Figure = {
  name: 'webhook',
  async run(bench: Bench): Promise<FigureResult> {
    const { lab, seconds } = bench
    const pubsub = await lab.sink({ kind: 'pubsub', latencyMs: 0 })
    const ours = await lab.instance('webhook', { pubsub })
    const readBody = await lab.instance('read-body', {})
    const connections = readTopology().functions.webhook?.concurrency ?? 1
    const saturated = (instance: Instance) =>
      saturate(bench, { instance, sink: pubsub, messages: 'webhook', connections })
    const saturation = async () => ({ ours: await saturated(ours), readBody: await saturated(readBody) })
    await warmUp(bench, [ours, readBody], 'webhook', connections)
    const most = await inRounds(bench, saturation, problemsOfAll)

    const perSecond = Math.floor(median(most.counted.map((each) => each.ours.acceptedPerSecond)) / 2)
    const halved = (instance: Instance) => {
      const load = { kind: 'rate', port: instance.port, messages: 'webhook', connections, perSecond, seconds } as const
      return measure(lab, { instance, sink: pubsub, load })
    }
    const half = await inRounds(
      bench,
      async () => ({ ours: await halved(ours), readBody: await halved(readBody) }),
      problemsOfAll,
    )
    for (const instance of [ours, readBody]) await instance.close()

    const rate = (side: 'ours' | 'readBody') => told(median(most.counted.map((each) => each[side].acceptedPerSecond)))
    const p99 = (side: 'ours' | 'readBody') => told(median(half.counted.map((each) => each[side].seen.p99Ms)))
    const figure = `webhook answer p99 at half of that load (${told(perSecond)}/s)`
    return {
      rows: [
        rowOf(
          {
            figure: 'webhooks/s of one instance, verified and published',
            against: 'a bare handler that only reads its body',
            target: { atLeast: 1.2 },
            inNumbers: `${rate('ours')}/s against ${rate('readBody')}/s`,
          },
          most.counted.map((each) => each.ours.acceptedPerSecond / each.readBody.acceptedPerSecond),
        ),
        rowOf(
          {
            figure,
            against: 'the same handler at the same load',
            target: { atMost: 3 },
            inNumbers: `${p99('ours')} ms against ${p99('readBody')} ms`,
          },
          half.counted.map((each) => each.ours.seen.p99Ms / each.readBody.seen.p99Ms),
        ),
        rowOf(
          { figure, against: '100 ms', target: { atMost: 100 }, unit: 'ms', inNumbers: `${p99('ours')} ms` },
          half.counted.map((each) => each.ours.seen.p99Ms),
        ),
      ],
      rounds: [...most.counted, ...half.counted],
      rejected: [...most.rejected, ...half.rejected],
      disturbed: most.disturbed || half.disturbed,
    }
  },
}
