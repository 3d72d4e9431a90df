import { asText, changed, documentIn, fromText, problemsOf } from './document.ts'

it('sets, adds and takes out fields at any depth, and leaves the others in their order', () => {
  const message = { a: 1, device: { token: 't', platform: 'ios' }, z: 2 }
  expect(JSON.stringify(changed(message, ['device', 'token'], 'u'))).toBe(
    '{"a":1,"device":{"token":"u","platform":"ios"},"z":2}',
  )
  expect(changed(message, ['device', 'token'], undefined)).toEqual({ a: 1, device: { platform: 'ios' }, z: 2 })
  expect(changed(message, ['a'], undefined)).toEqual({ device: message.device, z: 2 })
  expect(changed({ x: 'no object' }, ['x', 'y'], 1)).toEqual({ x: { y: 1 } })
  expect(message.device.token).toBe('t')
})

it.each([
  ['3', { input: 'text', takesNumbers: true }, 3],
  ['3', { input: 'text' }, '3'],
  ['007', { input: 'text', takesNumbers: true }, '007'],
  ['9007199254740993', { input: 'number' }, '9007199254740993'],
  ['1763740000', { input: 'time' }, 1_763_740_000],
  ['2026-11-26T09:30:00Z', { input: 'time' }, '2026-11-26T09:30:00Z'],
  ['', { input: 'text' }, undefined],
] as const)('takes %j of %j as %j', (typed, field, value) => {
  expect(fromText(typed, field)).toBe(value)
  if (value !== undefined) expect(asText(value)).toBe(typed)
})

it.each([['[]'], ['null'], ['7'], ['{"a":'], ['']])('finds no object in %j', (text) => {
  expect(documentIn(text)).toBeUndefined()
})

it('gives each field what the contract says of it', () => {
  const problems = [
    { field: 'identifiers', rule: 'exactly one' },
    { field: 'identifiers.id', rule: 'too long' },
    { field: 'attributes["a b"]', rule: 'too long' },
    { field: 'identifiersX', rule: 'unknown field' },
  ]
  expect(problemsOf(problems, ['identifiers'], true)).toBe('exactly one; id: too long')
  expect(problemsOf(problems, ['identifiers'], false)).toBe('exactly one')
  expect(problemsOf(problems, ['identifiers', 'id'], false)).toBe('too long')
  expect(problemsOf(problems, ['attributes'], true)).toBe('["a b"]: too long')
})
