import { duration, table } from './output.ts'

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
