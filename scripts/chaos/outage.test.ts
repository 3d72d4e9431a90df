import { runOutage } from './outage.ts'

const REQUESTS_PER_SECOND = 30
/** A bucket of each function lets a tenth of a second's worth, at least one request, go at once. */
const MOST_IN_A_SECOND = REQUESTS_PER_SECOND * 1.1 + 2

it('an outage dead-letters nothing and costs Customer.io a few requests; the backlog drains within the rate', async () => {
  const seconds = 8
  const result = await runOutage({
    seconds,
    perSecond: { identify: 20, track: 40 },
    requestsPerSecond: REQUESTS_PER_SECOND,
    backoffScale: 0.005,
  })
  expect(result).toMatchObject({ published: 480, received: 480, deadLettered: 0, unsettled: 0 })
  // Each function: three failures until the first pause, then a probe a second at most.
  expect(result.requestsDuringOutage).toBeLessThanOrEqual(2 * (3 + 4 + seconds))
  expect(result.peakRequestsPerSecond).toBeLessThanOrEqual(MOST_IN_A_SECOND)
}, 90_000)
