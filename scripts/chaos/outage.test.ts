import { allowedInTwoSeconds, runOutage } from './outage.ts'

it('an outage dead-letters nothing and costs Customer.io a few requests; the backlog drains within the rate', async () => {
  const seconds = 4
  const result = await runOutage({
    seconds,
    perSecond: { identify: 20, track: 40 },
    requestsPerSecond: 10,
    backoffScale: 0.005,
    // Small batches, so that the backlog takes more requests than the rate allows at once.
    environment: { BATCH_MAX_ITEMS: '7' },
  })
  expect(result).toMatchObject({ published: 240, received: 240, deadLettered: 0, unsettled: 0 })
  // Each function: three failures until the first pause, then at most one probe per second.
  expect(result.requestsDuringOutage).toBeLessThanOrEqual(2 * (3 + 4 + seconds))
  // Of 10 per second identify gets 3 and track 4.
  expect(result.mostInTwoSeconds).toBeLessThanOrEqual(allowedInTwoSeconds(7, 2))
}, 90_000)
