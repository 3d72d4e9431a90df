import { type Keyed, KeyLines } from './key-lines.ts'

const entry = (...keys: string[]): Keyed => ({ keys, blockedBy: 0 })

it('lets one go at a time of each key, and the next when it is over', () => {
  const lines = new KeyLines()
  const [ada, again, merge, bob] = [entry('ada'), entry('ada'), entry('ada', 'bob'), entry('bob')]
  for (const each of [ada, again, merge, bob]) lines.add(each)
  expect([ada, again, merge, bob].map(({ blockedBy }) => blockedBy)).toEqual([0, 1, 1, 1])
  expect(lines.blocked).toBe(3)
  expect(lines.remove(ada)).toEqual([again])
  expect(lines.blocked).toBe(2)
  expect(lines.remove(again)).toEqual([merge])
  expect(lines.remove(merge)).toEqual([bob])
  expect(lines.blocked).toBe(0)
  expect(lines.remove(bob)).toEqual([])
})

it('closes the line behind one that is taken out of its middle', () => {
  const lines = new KeyLines()
  const [ada, merge, bob, last] = [entry('ada'), entry('ada', 'bob'), entry('bob'), entry('ada')]
  for (const each of [ada, merge, bob, last]) lines.add(each)
  expect(lines.remove(merge)).toEqual([bob]) // ada is still before the last
  expect(lines.blocked).toBe(1)
  expect(lines.remove(ada)).toEqual([last])
  expect(lines.blocked).toBe(0)
})

it('tells the longest line of some keys, and forgets a line that has ended', () => {
  const lines = new KeyLines()
  const all = [entry('ada'), entry('ada'), entry('bob')]
  for (const each of all) lines.add(each)
  expect(lines.longest(['bob', 'ada', 'eve'])).toBe(2)
  for (const each of all) lines.remove(each)
  expect(lines.longest(['ada', 'bob'])).toBe(0)
  const next = entry('ada')
  lines.add(next)
  expect(next.blockedBy).toBe(0)
})
