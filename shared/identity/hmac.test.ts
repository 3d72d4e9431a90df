import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { hmacSha256 } from './hmac.ts'

const ofNode = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')

it('is what Node makes of it, with any secret and text, one after the other', () => {
  const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 70 })
  const any = fc.string({ unit: 'binary', maxLength: 90 })
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.oneof(ascii, any), any), { maxLength: 3 }), (pairs) => {
      for (const [secret, text] of [...pairs, ...pairs]) expect(hmacSha256(secret, text)).toBe(ofNode(secret, text))
    }),
    { numRuns: 100 },
  )
})

it.each([63, 64, 65, 128])('takes a secret of %d characters', (length) => {
  const secret = 'k'.repeat(length)
  expect(hmacSha256(secret, 'id:1')).toBe(ofNode(secret, 'id:1'))
})

it('takes text with half a character, and of any length', () => {
  for (const text of ['\ud800', '\udc00a', '', 'x'.repeat(100_000)]) {
    expect(hmacSha256('a secret', text)).toBe(ofNode('a secret', text))
  }
})
