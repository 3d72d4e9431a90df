import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { contentHash } from './content-hash.ts'

const bits64 = (value: unknown) => `${contentHash(value, 1)} ${contentHash(value, 2)}`

/** As a message holds them: `-0` is read as a number that JSON writes as `0`. */
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))

it('is the same exactly for what is the same', () => {
  fc.assert(
    fc.property(json, json, (one, other) => {
      expect(bits64(one) === bits64(other)).toBe(isDeepStrictEqual(one, other))
      expect(bits64(structuredClone(one))).toBe(bits64(one))
    }),
  )
})

it('does not depend on the order of the names in an object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), json), (object) => {
      expect(bits64({ in: [Object.fromEntries(Object.entries(object).reverse())] })).toBe(bits64({ in: [object] }))
    }),
  )
})

it('tells apart what is written alike, and what stands elsewhere', () => {
  const values = [
    ...[null, 'null', true, 'true', false, 0, '0', 1, '1', 1.5, '', [], {}, [null], [[]], [{}], { a: [] }, { a: {} }],
    ...[
      'ab',
      'ba',
      ['a', 'b'],
      ['b', 'a'],
      ['ab'],
      [['a'], 'b'],
      [['a', 'b']],
      { a: 'b' },
      { b: 'a' },
      { a: { b: '' } },
    ],
    ...[{ a: 1, b: 2 }, { a: 2, b: 1 }, { a: 1 }, { a: 1, b: 1 }, { a: { x: 1 }, b: {} }, { a: {}, b: { x: 1 } }],
    ...['\u0001', '\u0100', 'é', 'e\u0301', '\u{1F600}', '\u{1F601}'],
  ]
  for (const seed of [1, 2]) expect(new Set(values.map((value) => contentHash(value, seed))).size).toBe(values.length)
})

it('gives short texts that have one hash under one seed two under the next', () => {
  expect(bits64('\u0951\u4e2d')).not.toBe(bits64('\u4ca9a'))
  expect(bits64('\u0951a')).not.toBe(bits64('\u4ca9\u4e2d'))
})

it('changes half of its bits with the last character, at every place of them', () => {
  const count = 5_000
  const changed = Array.from({ length: count }, (_, index) => {
    const text = `order-${index}`
    return contentHash(`${text}a`, 1) ^ contentHash(`${text}b`, 1)
  })
  for (let bit = 0; bit < 32; bit++) {
    const share = changed.filter((bits) => (bits >>> bit) & 1).length / count
    expect(Math.abs(share - 0.5)).toBeLessThan(0.04)
  }
})
