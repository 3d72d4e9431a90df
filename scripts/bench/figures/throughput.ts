import { readTopology } from '../../topology/topology.ts'
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

/** What Customer.io is taken to be: an answer in 50 ms, 1,000 requests per second. */
export const CUSTOMERIO_LATENCY_MS = 50
const CUSTOMERIO_REQUESTS_PER_SECOND = 1_000
/** How many messages a careful handler of the usual kind has in flight. */
const USUAL_CONCURRENCY = 10

/** Messages per second of one instance that hands events to Customer.io. */
export const throughput: Figure = {
  name: 'throughput',
  async run(bench: Bench): Promise<FigureResult> {
    const { lab } = bench
    const customerio = await lab.sink({
      kind: 'customerio',
      latencyMs: CUSTOMERIO_LATENCY_MS,
      requestsPerSecond: CUSTOMERIO_REQUESTS_PER_SECOND,
    })
    const concurrency = readTopology().functions.track?.concurrency ?? 1
    const track = await lab.instance('track', { customerio })
    const oneCall = await lab.instance('sdk-call', { customerio })
    const empty = await lab.instance('empty', {})
    const of = (instance: typeof track, connections: number) =>
      saturate(bench, { instance, sink: customerio, messages: 'track', connections })
    const round = async () => ({
      ours: await of(track, concurrency),
      tenAtATime: await of(oneCall, USUAL_CONCURRENCY),
      unbounded: await of(oneCall, concurrency),
      empty: await of(empty, concurrency),
    })
    await warmUp(bench, [track, oneCall, empty], 'track', concurrency)
    const { counted, rejected, disturbed } = await inRounds(bench, round, problemsOfAll)
    for (const instance of [track, oneCall, empty]) await instance.close()

    type Side = keyof (typeof counted)[number]
    const rate = (side: Side) => told(median(counted.map((each) => each[side].acceptedPerSecond)))
    const compared = (side: Exclude<Side, 'ours'>, against: string, atLeast: number) =>
      rowOf(
        {
          figure: 'messages/s of one `track` instance, Customer.io at 50 ms and 1,000 requests/s',
          against,
          target: { atLeast },
          inNumbers: `${rate('ours')}/s against ${rate(side)}/s`,
        },
        counted.map((each) => each.ours.acceptedPerSecond / each[side].acceptedPerSecond),
      )
    return {
      rows: [
        compared('tenAtATime', `one SDK call per message, ${USUAL_CONCURRENCY} at a time`, 10),
        compared('unbounded', 'one SDK call per message, unbounded: held by the rate limit', 2),
        compared('empty', 'an empty function on the framework', 1.2),
        rowOf(
          {
            figure: 'messages per Customer.io request at that load',
            against: '1',
            target: { atLeast: 50 },
            unit: 'messages',
            inNumbers: `${told(median(counted.map(({ ours }) => ours.sink.requests / ours.seen.windowSeconds)))} requests/s`,
          },
          counted.map(({ ours }) => ours.sink.items / ours.sink.requests),
        ),
      ],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}
