import { describeVerdict } from '../history/check.ts'
import { simulateHour } from './hour.ts'

/** Hours of the first seed that run in a second or less, with and without faults, of every topic. */
const HOURS = ['2/1', '2/2', '2/3', '2/7']

it.each(HOURS)('nothing is lost and nothing happens twice in the hour %s', async (seed) => {
  const { verdict } = await simulateHour({ seed })
  expect(describeVerdict(verdict)).toContain('accepted')
})

it('a seed gives the same recording again, and another seed another one', async () => {
  const hash = async (seed: string) => (await simulateHour({ seed })).hash
  expect(await hash('2/2')).toBe(await hash('2/2'))
  expect(await hash('2/2')).not.toBe(await hash('2/11'))
})
