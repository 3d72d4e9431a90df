import { runOutage } from './outage.ts'

const REQUESTS_PER_SECOND = 10
/** Of these identify gets 3 and track 4; each bucket lets one more go after a quiet time. */
const MOST_IN_A_SECOND = 3 + 1 + (4 + 1)

it('an outage dead-letters nothing and costs Customer.io a few requests; the backlog drains within the rate', async () => {
  const seconds = 6
  const result = await runOutage({
    seconds,
    perSecond: { identify: 20, track: 40 },
    requestsPerSecond: REQUESTS_PER_SECOND,
    backoffScale: 0.005,
  })
  expect(result).toMatchObject({ published: 360, received: 360, deadLettered: 0, unsettled: 0 })
  // Each function: three failures until the first pause, then a probe a second at most.
  expect(result.requestsDuringOutage).toBeLessThanOrEqual(2 * (3 + 4 + seconds))
  expect(result.peakRequestsPerSecond).toBeLessThanOrEqual(MOST_IN_A_SECOND)
}, 90_000)
