import { createHash } from 'node:crypto'
import { type HashRing, type Identifier, identifierOf } from '../identity/index.ts'
import { type Hashed, messageHashes, personHashes } from './hashes.ts'

const OLD = { id: 'old', secret: 'o'.repeat(32) }
const NEW = { id: 'new', secret: 'n'.repeat(32) }
const message: Hashed = {
  published: '{"a":1}',
  parsed: '{"a":1,"b":"default"}',
  persons: [name('id', 'u1'), name('email', 'Ann@X.com')],
}

function name(kind: 'id' | 'email', value: string): Identifier {
  const identifier = identifierOf(kind, value)
  if (identifier === undefined) throw new Error('no name')
  return identifier
}

const hashesOf = (ring: HashRing, changes: Partial<Hashed> = {}) => messageHashes(ring, { ...message, ...changes })

describe('the hashes of a message', () => {
  it('are made with the current key, one per identifier, and name the key', () => {
    const { own } = hashesOf([NEW, OLD])
    expect(own).toMatchObject({ version: 2, key: 'new' })
    expect(own.version === 2 && own.persons).toHaveLength(2)
    expect(own).not.toEqual(hashesOf([OLD]).own)
  })

  it('compare with a record of whichever key the ring still has, and with none that it has not', () => {
    const { own } = hashesOf([OLD])
    expect(hashesOf([NEW, OLD]).contentAs(own)).toBe(own.content)
    expect(hashesOf([NEW, OLD], { published: '{"a":2}' }).contentAs(own)).not.toBe(own.content)
    expect(hashesOf([NEW]).contentAs(own)).toBeUndefined()
  })

  it('stay the same when the contract gets a new default, since they are of what was published', () => {
    const later = hashesOf([NEW], { parsed: '{"a":1,"b":"default","c":"another default"}' })
    expect(later.contentAs(hashesOf([NEW]).own)).toBe(hashesOf([NEW]).own.content)
  })

  it('compare with a record from before there was a key in its own way', () => {
    const content = createHash('sha256').update(message.parsed).digest('hex')
    expect(hashesOf([NEW]).contentAs({ version: 1, content, person: null })).toBe(content)
  })
})

it('a person is found by every key of the ring, and as records from before there was a key have them', () => {
  const person = name('email', 'Ann@BÜCHER.example')
  const plain = (text: string) =>
    createHash('sha256')
      .update(`[["email",${JSON.stringify(text)}]]`)
      .digest('hex')
  const hashes = personHashes([NEW, OLD], person)
  expect(hashes.filter(({ version }) => version === 2)).toHaveLength(2)
  expect(hashes.filter(({ version }) => version === 1).map(({ hash }) => hash)).toEqual([
    plain('ann@xn--bcher-kva.example'),
    plain('ann@bücher.example'),
  ])
})
