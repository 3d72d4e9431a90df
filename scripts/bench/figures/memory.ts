import { setTimeout as delay } from 'node:timers/promises'
import { readTopology } from '../../topology/topology.ts'
import { usageOf } from '../lab/process-usage.ts'
import { type Figure, rowOf, told } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'

const EARLY = 20_000
const LATE = 200_000
const REST_MS = 1_000

/** Whether an instance grows with what it has done. One run: it takes as long as all rounds of another figure. */
export const memory: Figure = {
  name: 'memory',
  async run({ lab, quick }) {
    const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
    const track = await lab.instance('track', { customerio })
    const connections = readTopology().functions.track?.concurrency ?? 1
    const after = async (count: number) => {
      await lab.load({ kind: 'count', port: track.port, messages: 'track', connections, count })
      await delay(REST_MS)
      return usageOf(track.pid).residentMiB
    }
    const scale = quick ? 0.1 : 1
    const earlyMiB = await after(EARLY * scale)
    const lateMiB = await after((LATE - EARLY) * scale)
    await track.close()
    return {
      rows: [
        rowOf(
          {
            figure: 'memory after 200,000 messages',
            against: 'after 20,000',
            reach: { atMost: 1.1 },
            inNumbers: `${told(lateMiB)} MiB against ${told(earlyMiB)} MiB`,
          },
          [lateMiB / earlyMiB],
        ),
      ],
      rounds: [{ earlyMiB, lateMiB }],
      rejected: [],
      disturbed: false,
    }
  },
}
