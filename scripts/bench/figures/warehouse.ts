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

/** What a streaming insert is taken to last. */
const BIGQUERY_LATENCY_MS = 100
const USUAL_CONCURRENCY = 10

/** Rows into BigQuery by one instance. */
export const warehouse: Figure = {
  name: 'warehouse',
  async run(bench: Bench): Promise<FigureResult> {
    const { lab } = bench
    const bigquery = await lab.sink({ kind: 'bigquery', latencyMs: BIGQUERY_LATENCY_MS })
    const ours = await lab.instance('warehouse', { bigquery })
    const oneRow = await lab.instance('insert-row', { bigquery })
    const concurrency = readTopology().functions.warehouse?.concurrency ?? 1
    const of = (instance: typeof ours, connections: number) =>
      saturate(bench, { instance, sink: bigquery, messages: 'webhook-event', connections })
    const round = async () => ({
      ours: await of(ours, concurrency),
      tenAtATime: await of(oneRow, USUAL_CONCURRENCY),
      unbounded: await of(oneRow, concurrency),
    })
    await warmUp(bench, [ours, oneRow], 'webhook-event', concurrency)
    const { counted, rejected, disturbed } = await inRounds(bench, round, problemsOfAll)
    for (const instance of [ours, oneRow]) await instance.close()

    type Side = keyof (typeof counted)[number]
    const rate = (side: Side) => told(median(counted.map((each) => each[side].acceptedPerSecond)))
    const compared = (side: Exclude<Side, 'ours'>, against: string, target: { atLeast: number } | 'none') =>
      rowOf(
        {
          figure: 'rows/s into the warehouse, BigQuery at 100 ms',
          against,
          target,
          inNumbers: `${rate('ours')}/s against ${rate(side)}/s`,
        },
        counted.map((each) => each.ours.acceptedPerSecond / each[side].acceptedPerSecond),
      )
    return {
      rows: [
        rowOf(
          {
            figure: 'rows per insert at that load',
            against: 'one insert per row',
            target: { atLeast: 20 },
            unit: 'rows',
            inNumbers: `${told(median(counted.map(({ ours }) => ours.sink.requests / ours.seen.windowSeconds)))} inserts/s`,
          },
          counted.map(({ ours }) => ours.sink.items / ours.sink.requests),
        ),
        compared('tenAtATime', `one insert per row, ${USUAL_CONCURRENCY} at a time`, { atLeast: 20 }),
        compared('unbounded', 'one insert per row, unbounded: held by the CPU', 'none'),
      ],
      rounds: counted,
      rejected,
      disturbed,
    }
  },
}
