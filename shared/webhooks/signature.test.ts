import { createHmac } from 'node:crypto'
import { verifyRequestSignature } from 'customerio-node'
import fc from 'fast-check'
import { isTooOld, parseKeyRing, readClaim, type SignatureClaim, signWebhook, verifyWebhook } from './index.ts'

const body = Buffer.from('{"event_id":"01","metric":"sent"}')
const signature = signWebhook('key', '1763740000', body)
const claim: SignatureClaim = { timestamp: '1763740000', signature }

it('signs what Customer.io signs: the version, the timestamp and the raw body', () => {
  const expected = createHmac('sha256', 'key').update(`v0:1763740000:${body.toString()}`).digest('hex')
  expect(signature).toBe(expected)
})

it('agrees with the verification of the vendor’s SDK', () => {
  const input = { signingSecret: 'key', timestamp: 1_763_740_000, body: body.toString(), signature }
  expect(verifyRequestSignature(input)).toBe(true)
})

it('accepts a signature by any key of the ring, over any bytes', () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.array(fc.string({ minLength: 1 }), { minLength: 1 }),
      fc.nat(),
      (bytes, keys, at) => {
        const key = keys[at % keys.length] ?? ''
        const signed = { timestamp: '1', signature: signWebhook(key, '1', bytes) }
        expect(verifyWebhook(keys, signed, bytes)).toBe(true)
      },
    ),
  )
})

it('refuses when one bit of the body, the signature or the timestamp is another', () => {
  const other = Buffer.from(body)
  other[5] = (other[5] ?? 0) ^ 1
  expect(verifyWebhook(['key'], claim, other)).toBe(false)
  expect(verifyWebhook(['key'], { ...claim, timestamp: '1763740001' }, body)).toBe(false)
  const altered = signature.startsWith('0') ? `1${signature.slice(1)}` : `0${signature.slice(1)}`
  expect(verifyWebhook(['key'], { ...claim, signature: altered }, body)).toBe(false)
})

it('refuses a key that is not, or no longer, in the ring, and everything when the ring is empty', () => {
  expect(verifyWebhook(['other', 'ke', 'key '], claim, body)).toBe(false)
  expect(verifyWebhook([], claim, body)).toBe(false)
})

it('does not take a timestamp and body that were shifted against each other for the signed ones', () => {
  const shifted = Buffer.concat([Buffer.from('40000:'), body])
  expect(verifyWebhook(['key'], { timestamp: '17637', signature }, shifted)).toBe(false)
})

it.each([
  ['no headers', {}, 'no_signature'],
  ['no timestamp', { 'x-cio-signature': signature }, 'no_signature'],
  ['no signature', { 'x-cio-timestamp': '1' }, 'no_signature'],
  ['an empty signature', { 'x-cio-timestamp': '1', 'x-cio-signature': '' }, 'malformed_signature'],
  ['upper case', { 'x-cio-timestamp': '1', 'x-cio-signature': signature.toUpperCase() }, 'malformed_signature'],
  ['a signature too short', { 'x-cio-timestamp': '1', 'x-cio-signature': signature.slice(1) }, 'malformed_signature'],
  ['a signature too long', { 'x-cio-timestamp': '1', 'x-cio-signature': `0${signature}` }, 'malformed_signature'],
  ['no hex', { 'x-cio-timestamp': '1', 'x-cio-signature': 'g'.repeat(64) }, 'malformed_signature'],
  ['a final newline', { 'x-cio-timestamp': '1', 'x-cio-signature': `${signature}\n` }, 'malformed_signature'],
  ['two of them', { 'x-cio-timestamp': '1', 'x-cio-signature': [signature, signature] }, 'malformed_signature'],
  ['two joined', { 'x-cio-timestamp': '1, 2', 'x-cio-signature': signature }, 'malformed_signature'],
  ['a list of one timestamp', { 'x-cio-timestamp': ['1'], 'x-cio-signature': signature }, 'malformed_signature'],
  ['a list of one', { 'x-cio-timestamp': '1', 'x-cio-signature': [signature] }, 'malformed_signature'],
  ['two timestamps', { 'x-cio-timestamp': ['1', '2'], 'x-cio-signature': signature }, 'malformed_signature'],
  ['a timestamp in words', { 'x-cio-timestamp': 'now', 'x-cio-signature': signature }, 'malformed_signature'],
  ['a negative timestamp', { 'x-cio-timestamp': '-1', 'x-cio-signature': signature }, 'malformed_signature'],
  ['an endless timestamp', { 'x-cio-timestamp': '1'.repeat(13), 'x-cio-signature': signature }, 'malformed_signature'],
])('finds out before any key is tried: %s', (_, headers, problem) => {
  expect(readClaim(headers)).toBe(problem)
})

it('reads a well-formed claim', () => {
  expect(readClaim({ 'x-cio-timestamp': '1763740000', 'x-cio-signature': signature })).toEqual(claim)
})

it('reads a key ring of one key per line, without blanks, repetitions and the word unset', () => {
  expect(parseKeyRing('new\r\n old \n\nnew\nunset\n')).toEqual(['new', 'old'])
  expect(parseKeyRing('')).toEqual([])
})

it('has no age limit unless one is configured', () => {
  expect(isTooOld(claim, undefined, 9e15)).toBe(false)
  expect(isTooOld(claim, 300, 1_763_740_300_000)).toBe(false)
  expect(isTooOld(claim, 300, 1_763_740_301_000)).toBe(true)
})
