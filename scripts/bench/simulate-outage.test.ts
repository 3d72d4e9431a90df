import { simulateOutage } from './simulate-outage.ts'

it('after an outage the backlog drains as fast as an instance can, with no other back-off', async () => {
  const { messages, drained, drainedMs, firstMs, lastMs, failures } = await simulateOutage({
    outageMs: 90_000,
    perSecond: 5,
  })
  expect(messages).toBeGreaterThan(400)
  expect(failures.during).toBeGreaterThan(messages)
  expect(failures.after).toBe(0)
  // A subscription pauses for a minute at most.
  expect(firstMs).toBeLessThanOrEqual(61_000)
  expect(drained).toBeGreaterThan(0.9 * messages)
  expect(drainedMs - firstMs).toBeLessThan(1_000)
  // What was tried last during the outage waits longest, and no longer than its own back-off.
  expect(lastMs).toBeLessThan(120_000)
})
