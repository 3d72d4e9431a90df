import { duration, printable, table } from './output.ts'

it('writes times in two units at most', () => {
  const times = [400, 59_000, 61_000, 3_600_000, 5_000_000, 86_400_000, 180_000_000]
  expect(times.map(duration)).toEqual(['0 s', '59 s', '1 min', '1 h', '1 h 23 min', '1 d', '2 d 2 h'])
})

it('writes tables whose columns stand below each other', () => {
  expect(
    table(
      ['id', 'name'],
      [
        ['1', 'a'],
        ['1000', ''],
      ],
    ),
  ).toBe('id    name\n1     a\n1000')
})

it('lets no text of others steer the terminal', () => {
  expect(printable('\u001b[2Jerror: \n\u009bHé“%s”')).toBe('\\x1b[2Jerror: \\x0a\\x9bHé“%s”')
  expect(printable('invoice\u202Egnp.exe\u2069')).toBe('invoice\\u202egnp.exe\\u2069')
  expect(table(['what'], [['event \u001b]0;x\u0007']])).toBe('what\nevent \\x1b]0;x\\x07')
})

it('writes a table of any length', () => {
  expect(
    table(
      ['n'],
      Array.from({ length: 300_000 }, () => ['1']),
    ).length,
  ).toBe(600_001)
})
