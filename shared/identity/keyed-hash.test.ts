import { createHash, createHmac } from 'node:crypto'
import { type HashKey, hashOfContent, hashOfMessageKey, hashOfPerson, parseHashRing } from './keyed-hash.ts'

const [NEW, OLD] = ['n'.repeat(32), 'o'.repeat(32)]

function ringOf(...secrets: string[]): readonly HashKey[] {
  const ring = parseHashRing(secrets.join('\n'))
  if (ring === undefined) throw new Error('no ring')
  return ring
}

describe('the ring of hash keys', () => {
  it('has the current key first, each key once, and names keys without telling them', () => {
    const ring = ringOf(` ${NEW}\r`, '', OLD, NEW)
    expect(ring.map(({ secret }) => secret)).toEqual([NEW, OLD])
    expect(ring[0]?.id).toMatch(/^[0-9a-f]{8}$/)
    expect(ring[0]?.id).not.toBe(ring[1]?.id)
    expect(ringOf(OLD)[0]).toEqual(ring[1])
  })

  it.each(['', '\n', 'short', 'n'.repeat(31), `${NEW}\nshort`])('is none: %j', (text) => {
    expect(parseHashRing(text)).toBeUndefined()
  })
})

it('hashes are what they were in the first release, or no record that is kept would be found again', () => {
  const key = ringOf(NEW)[0] ?? fail()
  const mac = (text: string) => createHmac('sha256', NEW).update(text).digest('hex')
  expect(key.id).toBe(mac('key id\n').slice(0, 8))
  expect(hashOfPerson(key, { kind: 'email', value: 'ann@example.com' })).toBe(mac('person\nemail:ann@example.com'))
  expect(hashOfContent(key, '{}')).toBe(mac('content\n{}'))
  expect(hashOfMessageKey(key, 'order-1')).toBe(mac('message key\norder-1'))
})

it('hashes differ with key, purpose and kind, and a code cannot be found by trying all codes', () => {
  const [key = fail(), other = fail()] = ringOf(NEW, OLD)
  const hashes = [
    hashOfPerson(key, { kind: 'id', value: '1' }),
    hashOfPerson(key, { kind: 'cio_id', value: '1' }),
    hashOfPerson(other, { kind: 'id', value: '1' }),
    hashOfContent(key, 'id:1'),
    createHash('sha256').update('id:1').digest('hex'),
    createHash('sha256').update('person\nid:1').digest('hex'),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
})

function fail(): never {
  throw new Error('no key')
}
