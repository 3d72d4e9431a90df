import { safeErrorName } from './index.ts'

it.each([
  [new TypeError('ada@example.com is no number'), 'TypeError'],
  [Object.assign(new Error('secret'), { name: 'TimeoutError' }), 'TimeoutError'],
  ['ada@example.com', 'string'],
  [undefined, 'undefined'],
])('tells the kind of an error and none of its words', (error, name) => {
  expect(safeErrorName(error)).toBe(name)
})
