import { describeVerdict } from '../history/check.ts'
import { simulateHour } from './hour.ts'
import type { Safeguard } from './safeguards.ts'
import { findWithout } from './without.ts'

/** Of the first seed, with and without faults, of every topic. `npm run check` takes 35 of them. */
const HOURS = ['1/2', '1/3', '1/5', '1/7', '1/9', '1/22', '1/35']

it.each(HOURS)('nothing is lost and nothing happens twice in the hour %s', async (seed) => {
  const { verdict } = await simulateHour({ seed })
  expect(describeVerdict(verdict)).toContain('accepted')
})

it('a seed gives the same recording again, and another seed another one', async () => {
  const hash = async (seed: string) => (await simulateHour({ seed })).hash
  expect(await hash('1/5')).toBe(await hash('1/5'))
  expect(await hash('1/5')).not.toBe(await hash('1/22'))
})

it.each<Safeguard>(['207 mapping', 'guard'])('sees what is lost without: %s', async (safeguard) => {
  expect(await findWithout(safeguard, '1', 4)).toBeDefined()
})
