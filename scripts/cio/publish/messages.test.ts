import { splitMessages } from './messages.ts'

it('splits input into one document or one a line', () => {
  expect(splitMessages('{\n "a": 1\n}').map(({ line }) => line)).toEqual([1])
  expect(splitMessages('{"a":1}\r\n\n{"b":2}\n')).toEqual([
    { line: 1, text: '{"a":1}' },
    { line: 3, text: '{"b":2}' },
  ])
  // Broken somewhere in the middle: one document, not three.
  expect(splitMessages('{\n"a": 1,\n}')).toHaveLength(1)
})
