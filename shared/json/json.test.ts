import { isRecord } from './index.ts'

it.each([{}, { a: 1 }, Object.create(null)])('takes %j for a record', (value) => {
  expect(isRecord(value)).toBe(true)
})

it.each([null, undefined, [], 'text', 1, true])('does not take %j for a record', (value) => {
  expect(isRecord(value)).toBe(false)
})
