import { codeOf, safeErrorName } from './index.ts'

it.each([
  [new TypeError('ada@example.com is no number'), 'TypeError'],
  [Object.assign(new Error('secret'), { name: 'TimeoutError' }), 'TimeoutError'],
  ['ada@example.com', 'string'],
  [undefined, 'undefined'],
])('tells the kind of an error and none of its words', (error, name) => {
  expect(safeErrorName(error)).toBe(name)
})

it.each([
  [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [{ code: 5 }, 5],
  [Object.assign(new Error('x'), { code: { quoted: 'ada@example.com' } }), undefined],
  [new Error('x'), undefined],
  [null, undefined],
  ['5', undefined],
])('gives the code of an error, and nothing that only stands where a code should', (error, code) => {
  expect(codeOf(error)).toBe(code)
})
