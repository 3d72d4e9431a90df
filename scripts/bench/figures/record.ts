import { readTopology } from '../../topology/topology.ts'
import type { Measurement } from '../lab/measure.ts'
import { median } from '../statistics.ts'
import { type Figure, inRounds, problemsOfAll, rowOf, saturate, told, warmUp } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'

const SIDES = ['recorded', 'shortLine', 'noLine'] as const
type Side = (typeof SIDES)[number]

/** What the record of each message costs `track`: its line as it is, a line without the record, and no line. */
export const record: Figure = {
  name: 'record',
  async run(bench) {
    const { lab } = bench
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
    const connections = readTopology().functions.track?.concurrency ?? 1
    const instances = {
      recorded: await lab.instance('track', { customerio }),
      shortLine: await lab.instance('track', { customerio }, { line: 'short-line' }),
      noLine: await lab.instance('track', { customerio }, { line: 'no-line' }),
    }
    const all = Object.values(instances)
    let first = 0
    const round = async () => {
      const measured: Partial<Record<Side, Measurement>> = {}
      // Each goes first in turn: the second meets a machine that the first has warmed.
      const order = [...SIDES.slice(first % SIDES.length), ...SIDES.slice(0, first++ % SIDES.length)]
      for (const side of order) {
        const of = { instance: instances[side], sink: customerio, messages: 'track', connections } as const
        measured[side] = await saturate(bench, of)
      }
      return measured as Record<Side, Measurement>
    }
    await warmUp(bench, all, 'track', connections)
    const { counted, rejected, disturbed } = await inRounds(bench, round, problemsOfAll)
    for (const instance of all) await instance.close()

    type Value = 'acceptedPerSecond' | 'cpuMicrosecondsPerMessage'
    const middle = (side: Side, value: Value) => told(median(counted.map((each) => each[side][value])))
    const compared = (value: Value, side: Exclude<Side, 'recorded'>) =>
      counted.map((each) => each.recorded[value] / each[side][value])
    const cpu = (side: Side) => `${middle(side, 'cpuMicrosecondsPerMessage')} µs`
    const rate = (side: Side) => `${middle(side, 'acceptedPerSecond')}/s`
    return {
      rows: [
        rowOf(
          {
            figure: 'messages/s of `track` at saturation, with the record of each message',
            against: 'a log line without it',
            target: { atLeast: 0.95 },
            inNumbers: `${rate('recorded')} against ${rate('shortLine')}`,
          },
          compared('acceptedPerSecond', 'shortLine'),
        ),
        rowOf(
          {
            figure: 'CPU per message of `track`, with the record of each message',
            against: 'a log line without it',
            target: { atMost: 1.05 },
            inNumbers: `${cpu('recorded')} against ${cpu('shortLine')}`,
          },
          compared('cpuMicrosecondsPerMessage', 'shortLine'),
        ),
        rowOf(
          {
            figure: 'CPU per message of `track`, with log line and record',
            against: 'no line',
            target: { atMost: 1.05 },
            inNumbers: `${cpu('recorded')} against ${cpu('noLine')}`,
          },
          compared('cpuMicrosecondsPerMessage', 'noLine'),
        ),
      ],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}
