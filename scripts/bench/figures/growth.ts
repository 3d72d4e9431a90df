import type { Measurement } from '../lab/measure.ts'
import { median } from '../statistics.ts'
import { type Figure, inRounds, problemsOfAll, rowOf, saturate, told, warmUp } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'

export const CONCURRENT_PUSHES = [1, 10, 100, 1_000] as const
type Step = `${(typeof CONCURRENT_PUSHES)[number]}`

/** What more messages cost: requests to Customer.io, CPU and memory at 1, 10, 100 and 1,000 concurrent pushes. */
export const growth: Figure = {
  name: 'growth',
  async run(bench) {
    const { lab } = bench
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
    const track = await lab.instance('track', { customerio })
    const at = (connections: number) =>
      saturate(bench, { instance: track, sink: customerio, messages: 'track', connections })
    const round = async (): Promise<Record<Step, Measurement>> => ({
      1: await at(1),
      10: await at(10),
      100: await at(100),
      1000: await at(1_000),
    })
    await warmUp(bench, [track], 'track', 100)
    const { counted, rejected, disturbed } = await inRounds(bench, round, problemsOfAll)
    await track.close()

    const messages = ({ seen }: Measurement) => seen.answered
    const each = (of: (measured: Measurement) => number) =>
      CONCURRENT_PUSHES.map((step) => told(median(counted.map((one) => of(one[`${step}`]))))).join(', ')
    const grown = (of: (measured: Measurement) => number) => counted.map((one) => of(one[1000]) / of(one[1]))
    const against = '1 concurrent push'
    return {
      rows: [
        rowOf(
          {
            figure: 'Customer.io requests per message at 1,000 concurrent pushes',
            against,
            target: { atMost: 0.1 },
            inNumbers: `${each(({ sink }) => sink.requests / sink.items)} at 1, 10, 100, 1,000`,
          },
          grown((measured) => measured.sink.requests / measured.sink.items),
        ),
        rowOf(
          {
            figure: 'CPU per message at 1,000 concurrent pushes',
            against,
            target: { atMost: 1 },
            inNumbers: `${each((measured) => measured.cpuMicrosecondsPerMessage)} µs; ${each(messages)} messages`,
          },
          grown((measured) => measured.cpuMicrosecondsPerMessage),
        ),
        rowOf(
          {
            figure: 'memory at 1,000 concurrent pushes',
            against,
            target: { atMost: 2 },
            inNumbers: `${each(({ residentMiB }) => residentMiB)} MiB`,
          },
          grown(({ residentMiB }) => residentMiB),
        ),
      ],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}
