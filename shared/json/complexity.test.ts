import fc from 'fast-check'
import { complexityOf } from './index.ts'

const of = (text: string) => complexityOf(Buffer.from(text))

/** The same, counted in what `JSON.parse` gives. */
function counted(value: unknown): ReturnType<typeof complexityOf> {
  if (typeof value !== 'object' || value === null) return { values: 1, listsAndObjects: 0, depth: 0 }
  const children = Object.values(value).map(counted)
  return {
    values: children.reduce((sum, child) => sum + child.values, 1),
    listsAndObjects: children.reduce((sum, child) => sum + child.listsAndObjects, 1),
    depth: 1 + Math.max(0, ...children.map(({ depth }) => depth)),
  }
}

it('counts what JSON.parse makes of any document, however it is laid out', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 1, '\t'), (text, space) => {
      const value: unknown = JSON.parse(text)
      // Names that come twice in an object are counted twice; JSON.stringify leaves none.
      expect(of(JSON.stringify(value, undefined, space))).toEqual(counted(value))
    }),
  )
})

it.each(['"[{,"', '"\\"[,"', '"\\\\\\"[,"', '["\\\\",","]', '"\u00e9\u{1f600}[,"'])(
  'counts nothing in the string of %s',
  (text) => {
    expect(of(text)).toEqual(counted(JSON.parse(text)))
  },
)

it.each([
  ['nothing', '', 1],
  ['a string without an end', '"[,[,', 1],
  ['a backslash at the end', '"\\', 1],
  ['brackets that close too often', ']]}', 1],
  ['what comes before the mistake', '[1,2,3,x', 5],
])('survives %s', (_what, text, values) => {
  expect(of(text).values).toBe(values)
})

it('needs time in proportion to the length, whatever the text', () => {
  const before = process.cpuUsage()
  for (const text of ['[', '\\', '"\\', '\\"', '"', '{},']) of(text.repeat(2_000_000))
  // A hundredth of a second each; a second look at each byte from each byte would take hours.
  expect(process.cpuUsage(before).user).toBeLessThan(5_000_000) // microseconds
})
