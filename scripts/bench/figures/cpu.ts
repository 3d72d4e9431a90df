import { readTopology } from '../../topology/topology.ts'
import { median } from '../statistics.ts'
import { type Figure, inRounds, problemsOfAll, rowOf, saturate, told, warmUp } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'

/** CPU per message of an instance that has all it can do. No rate limit here: repeated calls would count against the baseline. */
export const cpu: Figure = {
  name: 'cpu',
  async run(bench) {
    const { lab } = bench
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
    const connections = readTopology().functions.track?.concurrency ?? 1
    const track = await lab.instance('track', { customerio })
    const oneCall = await lab.instance('sdk-call', { customerio })
    const empty = await lab.instance('empty', {})
    const of = (instance: typeof track) =>
      saturate(bench, { instance, sink: customerio, messages: 'track', connections })
    const round = async () => ({ ours: await of(track), oneCall: await of(oneCall), empty: await of(empty) })
    await warmUp(bench, [track, oneCall, empty], 'track', connections)
    const { counted, rejected, disturbed } = await inRounds(bench, round, problemsOfAll)
    for (const instance of [track, oneCall, empty]) await instance.close()

    const above = (each: (typeof counted)[number], side: 'ours' | 'oneCall') =>
      each[side].cpuMicrosecondsPerMessage - each.empty.cpuMicrosecondsPerMessage
    const middle = (side: 'ours' | 'oneCall') => told(median(counted.map((each) => above(each, side))))
    const whole = (side: 'ours' | 'empty') => told(median(counted.map((each) => each[side].cpuMicrosecondsPerMessage)))
    return {
      rows: [
        rowOf(
          {
            figure: 'CPU per message at saturation',
            against: 'an empty function on the framework',
            target: { atMost: 0.8 },
            inNumbers: `${whole('ours')} µs against ${whole('empty')} µs`,
          },
          counted.map(({ ours, empty }) => ours.cpuMicrosecondsPerMessage / empty.cpuMicrosecondsPerMessage),
        ),
        rowOf(
          {
            figure: 'CPU per message at saturation, above that of an empty function',
            against: 'the same of one SDK call per message',
            target: { atMost: 0.5 },
            inNumbers: `${middle('ours')} µs against ${middle('oneCall')} µs`,
          },
          counted.map((each) => above(each, 'ours') / above(each, 'oneCall')),
        ),
      ],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}
