import { setTimeout as delay } from 'node:timers/promises'
import { readTopology } from '../../topology/topology.ts'
import { usageOf } from '../lab/process-usage.ts'
import { median } from '../statistics.ts'
import { type Figure, rowOf, told } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'

const EARLY = 20_000
const LATE = 200_000
const REST_MS = 1_000

/** Fewer than of other figures: each takes an instance from its start through all the messages. */
const MOST_ROUNDS = 3

/** Whether an instance grows with what it has done. */
export const memory: Figure = {
  name: 'memory',
  async run({ lab, rounds, quick }) {
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
    const connections = readTopology().functions.track?.concurrency ?? 1
    const scale = quick ? 0.1 : 1
    const round = async () => {
      const track = await lab.instance('track', { customerio })
      const after = async (count: number) => {
        await lab.load({ kind: 'count', port: track.port, messages: 'track', connections, count })
        await delay(REST_MS)
        return usageOf(track.pid).residentMiB
      }
      const earlyMiB = await after(EARLY * scale)
      const lateMiB = await after((LATE - EARLY) * scale)
      await track.close()
      return { earlyMiB, lateMiB }
    }
    const measured: Awaited<ReturnType<typeof round>>[] = []
    while (measured.length < Math.min(rounds, MOST_ROUNDS)) measured.push(await round())
    const middle = (side: 'earlyMiB' | 'lateMiB') => told(median(measured.map((each) => each[side])))
    return {
      rows: [
        rowOf(
          {
            figure: 'memory after 200,000 messages',
            against: 'after 20,000',
            target: { atMost: 1.05 },
            inNumbers: `${middle('lateMiB')} MiB against ${middle('earlyMiB')} MiB`,
          },
          measured.map(({ earlyMiB, lateMiB }) => lateMiB / earlyMiB),
        ),
      ],
      rounds: measured,
      rejected: [],
      disturbed: false,
    }
  },
}
