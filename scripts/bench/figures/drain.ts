import { type Drain, simulateOutage } from '../simulate-outage.ts'
import { median } from '../statistics.ts'
import { type Figure, rowOf, told } from './figure.ts'

const OUTAGE_MS = 3_600_000
const PER_SECOND = 20
/** Each round's outage is this much longer than the one before: it ends at another point of a back-off. */
const LONGER_MS = 13_000
/** Each takes 40 s of CPU, and the same round gives the same figure. */
const MOST_ROUNDS = 3

/**
 * What an outage of an hour leaves behind, from the first message that is delivered until nothing is left but what waits for the
 * end of a back-off of its own. In virtual time, so undisturbed and the same everywhere.
 */
export const drain: Figure = {
  name: 'drain',
  async run({ rounds, quick }) {
    const drains: Drain[] = []
    for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
      const outageMs = (quick ? OUTAGE_MS / 30 : OUTAGE_MS) + round * LONGER_MS
      drains.push(await simulateOutage({ outageMs, perSecond: PER_SECOND }))
    }
    const middle = (of: (drain: Drain) => number) => told(median(drains.map(of)))
    const seconds = (of: (drain: Drain) => number) => `${middle((each) => of(each) / 1_000)} s`
    return {
      rows: [
        rowOf(
          {
            figure: "drain after an hour's outage of Customer.io, after the last back-off (virtual time)",
            against: 'backlog ÷ messages/s of the same instance without an outage before',
            target: { atMost: 1.1 },
            inNumbers:
              `${middle((each) => each.drained)} of ${middle((each) => each.messages)} messages in ` +
              `${seconds((each) => each.drainedMs - each.firstMs)} at ${middle((each) => each.messagesPerSecond)}/s; ` +
              `the first ${seconds((each) => each.firstMs)} after the outage, the last ${seconds((each) => each.lastMs)}`,
          },
          drains.map((each) => ((each.drainedMs - each.firstMs) / 1_000) * (each.messagesPerSecond / each.drained)),
        ),
      ],
      rounds: drains,
      rejected: [],
      disturbed: false,
    }
  },
}
