import { manualClock } from '../clock/testing/manual-clock.ts'
import type { LogFields } from '../logging/index.ts'
import { createHashKeys, parseHashRing } from './index.ts'

const OLD = 'o'.repeat(32)
const NEW = 'n'.repeat(32)

let clock = manualClock()
let content: string
let reads: number
let errors: LogFields[]
let warnings: LogFields[]

beforeEach(() => {
  clock = manualClock(1_000_000)
  content = OLD
  reads = 0
  errors = []
  warnings = []
})

function hashKeys() {
  return createHashKeys({
    name: 'PERSON_HASH_KEYS',
    file: '/secrets/person-hash-keys/value',
    clock,
    async readFile() {
      reads += 1
      if (content === 'unreadable') throw new Error('gone')
      return content
    },
    log: { warning: (_, fields) => warnings.push(fields), error: (_, fields) => errors.push(fields) },
  })
}

it('reads the keys before anybody asks, so that the first message finds them', async () => {
  const keys = hashKeys()
  expect(reads).toBe(1)
  expect(await keys.current()).toEqual(parseHashRing(OLD))
  expect(reads).toBe(1)
  expect(errors).toEqual([])
})

it('gives the same ring until the secret changes, and the new one at most a minute later', async () => {
  const keys = hashKeys()
  const first = await keys.current()
  content = `${NEW}\n${OLD}\n`
  clock.advance(60_000)
  expect(await keys.current()).toBe(first)
  clock.advance(1)
  expect(await keys.current()).toEqual(parseHashRing(content))
})

it.each(['', 'unset', 'too short', `${NEW}\nshort`, 'unreadable'])(
  'has no ring of %j, and one ERROR says so',
  async (text) => {
    content = text
    const keys = hashKeys()
    for (let each = 0; each < 3; each += 1) {
      expect(await keys.current()).toBeUndefined()
      clock.advance(61_000)
    }
    expect(errors).toEqual([{ event: 'secret', reason: 'no_key', secret: 'PERSON_HASH_KEYS' }])
  },
)

it('finds keys that are set later, without a restart', async () => {
  content = 'unset'
  const keys = hashKeys()
  await keys.current()
  content = NEW
  clock.advance(60_001)
  expect(await keys.current()).toEqual(parseHashRing(NEW))
})

describe('whether a ring is outdated', () => {
  it('is found by a fresh read, however young the ring is', async () => {
    const keys = hashKeys()
    const used = (await keys.current()) ?? fail()
    clock.advance(1_000)
    expect(await keys.isOutdated(used)).toBe(false)
    content = `${NEW}\n${OLD}`
    clock.advance(1_000)
    expect(await keys.isOutdated(used)).toBe(true)
  })

  it('is known to everybody who used it, though only the first of them makes the read', async () => {
    const keys = hashKeys()
    const used = (await keys.current()) ?? fail()
    content = `${NEW}\n${OLD}`
    clock.advance(1_000)
    expect(await keys.isOutdated(used)).toBe(true)
    expect(await keys.isOutdated(used)).toBe(true)
    expect(reads).toBe(2)
    clock.advance(1_000)
    expect(await keys.isOutdated(used)).toBe(true)
    expect(reads).toBe(2)
  })

  it('is not said of a ring that could not be read again', async () => {
    const keys = hashKeys()
    const used = (await keys.current()) ?? fail()
    content = 'unreadable'
    clock.advance(1_000)
    expect(await keys.isOutdated(used)).toBe(false)
    expect(warnings).toHaveLength(1)
  })
})

function fail(): never {
  throw new Error('there is no ring')
}
