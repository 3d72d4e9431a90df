import { watch } from '../lab/watch.ts'
import { median } from '../statistics.ts'
import { whyRejected } from '../validity.ts'
import { type Figure, inRounds, rowOf, told, warmUp } from './figure.ts'

const PUSHES = 500
const REST_MS = 4

/** How long one push takes when nothing else is under way. Customer.io answers at once here: all that is left is the function's. */
export const idleLatency: Figure = {
  name: 'idle-latency',
  async run(bench) {
    const { lab } = bench
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: 0 })
    const track = await lab.instance('track', { customerio })
    const oneCall = await lab.instance('sdk-call', { customerio })
    const instances = [track, oneCall]
    const count = bench.quick ? 50 : PUSHES
    const round = async () => {
      const ports = instances.map(({ port }) => port)
      const { result, ...surroundings } = await watch(lab, { instances, sinks: [customerio] }, () =>
        lab.load({ kind: 'alternate', messages: 'track', ports, count, restMs: REST_MS }),
      )
      const [ours, baseline] = result
      if (ours === undefined || baseline === undefined) throw new Error('the load generator saw one of two instances')
      return { ours, oneCall: baseline, ...surroundings }
    }
    await warmUp(bench, instances, 'track', 100)
    await round()
    const { counted, rejected, disturbed } = await inRounds(bench, round, whyRejected)
    for (const instance of instances) await instance.close()

    const compared = (what: 'p50Ms' | 'p99Ms', atMost: number) => {
      const middle = (side: 'ours' | 'oneCall') => told(median(counted.map((each) => each[side][what])))
      return rowOf(
        {
          figure: `added latency of a single push on an idle instance, ${what.slice(0, 3)}`,
          against: 'a bare handler that makes one SDK call',
          target: { atMost },
          inNumbers: `${middle('ours')} ms against ${middle('oneCall')} ms`,
        },
        counted.map(({ ours, oneCall }) => ours[what] / oneCall[what]),
      )
    }
    return { rows: [compared('p50Ms', 1.25), compared('p99Ms', 1.5)], rounds: counted, rejected, disturbed }
  },
}
