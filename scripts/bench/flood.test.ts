import { measureFlood } from './measure-flood.ts'

it('leaves people at least 80 % of their rate while one object floods, though Pub/Sub slows down after its 503s', async () => {
  const { people, floodRefusals } = await measureFlood({
    flood: 600,
    peoplePerSecond: 100,
    seconds: 2,
    poison: 0,
    innocent: 0,
  })
  expect(floodRefusals).toBeGreaterThan(300)
  expect(people.alone).toBeGreaterThan(0)
  expect(people.flooded).toBeGreaterThanOrEqual(0.8 * people.alone)
}, 60_000)
