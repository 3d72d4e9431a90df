import { unlike, withRecordings } from './recordings.ts'
import type { Recording } from './tape.ts'

const one: Recording = { seed: 1, hours: 4, messages: 396, faults: 698, hash: '3fdf' }
const other: Recording = { ...one, hours: 100, hash: '6ffa' }
const marked =
  'before\n<!-- recordings: written by `npm run recordings` -->\n\nold\n\n<!-- end of recordings -->\nafter\n'

it('writes the table in the place of the one before, and finds it current', () => {
  const readme = withRecordings(marked, [one, other])
  expect(readme).not.toContain('old')
  expect(withRecordings(readme, [one, other])).toBe(readme)
  expect(unlike(readme, [one, other])).toEqual([])
})

it.each([{ hash: '3fde' }, { hours: 5 }, { seed: 2 }, { faults: 699 }])('finds a recording that has %j', (changed) => {
  const readme = withRecordings(marked, [one, other])
  expect(unlike(readme, [{ ...one, ...changed }, other])).toEqual([{ ...one, ...changed }])
})

it('writes nothing where the marks are missing', () => {
  expect(() => withRecordings('# Simulation', [one])).toThrow('lacks the lines')
})
