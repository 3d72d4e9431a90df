import { FLOODS, type FloodOptions, SUBSCRIPTION_STATES, simulateFlood } from './simulate-flood.ts'

const people = { peoplePerSecond: 200, seconds: 10 }
const flood = (state: FloodOptions['state'], floodIn: FloodOptions['floodIn']) =>
  simulateFlood({ ...people, state, floodIn, flood: 4_000 })

it.each(SUBSCRIPTION_STATES.flatMap((state) => FLOODS.map((floodIn) => [state, floodIn] as const)))(
  'people keep 80 %% of their rate on a %s subscription while one object floods (%s)',
  async (state, floodIn) => {
    const { published, inTime, medianMs } = await flood(state, floodIn)
    expect(inTime).toBeGreaterThanOrEqual(0.8 * published)
    // Not only in time: as soon as without a flood, which is one answer of Customer.io.
    expect(medianMs).toBeLessThanOrEqual(100)
  },
)
