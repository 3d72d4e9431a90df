import { age } from './options.ts'

it('reads ages', () => {
  expect(['90s', '15m', '1.5h', '3d'].map(age)).toEqual([90_000, 900_000, 5_400_000, 259_200_000])
  for (const text of ['', '5', 'h', '-1h', '1w']) expect(() => age(text)).toThrow('as in 90s')
})
