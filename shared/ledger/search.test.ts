import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { explore } from './testing/search/explore.ts'
import { PLANTED } from './testing/search/faults.ts'
import { INVARIANTS } from './testing/search/invariants.ts'
import { type Bounds, SETTINGS, type Setting } from './testing/search/setting.ts'

/** `search.long.test.ts` and `npm run search` go further. */
const BOUNDS: readonly Bounds[] = [
  { deliveries: 2, mishaps: 1, jumps: 0 },
  { deliveries: 1, mishaps: 2, jumps: 2 },
]
const PERSON: Setting = { name: '', onNotFound: 'dead_letter', freezes: 'any' }
const AGAIN: Setting = { name: '', onNotFound: 'resend', freezes: 'short' }

describe('in every sequence of steps of two workers and two messages', () => {
  it.each(SETTINGS)('every invariant holds: $name', async (setting) => {
    let all = 0
    for (const bounds of BOUNDS) {
      const { states, broken } = await explore(setting, bounds)
      expect(broken).toEqual([])
      all += states
    }
    expect(all).toBeGreaterThan(3_000)
    console.info(`${setting.name}: ${all} states`)
  })

  it('reports no delivery of a process that was frozen for longer than any hold as that of another message', async () => {
    const { states, broken } = await explore(
      PERSON,
      { deliveries: 3, mishaps: 2, jumps: 2 },
      {
        after: [
          ...['Pub/Sub delivers a', 'worker 1: create reaches the ledger', 'worker 1 hears of create'],
          ...['100001 ms pass: its deliveries are all listed', 'worker 1: Customer.io sends a', 'worker 1 dies'],
          ...['Pub/Sub delivers b', 'worker 2: create reaches the ledger', 'worker 2 hears of create'],
          ...['worker 2: no answer, and nothing was sent', 'worker 2: update uncertain'],
        ],
      },
    )
    expect(broken).toEqual([])
    expect(states).toBeGreaterThan(50)
  })

  it('tells that a freeze beyond the margin is one too long where uncertain sends are sent again', async () => {
    const [first] = (
      await explore(
        { ...AGAIN, freezes: 'any', isAlone: true },
        { deliveries: 2, mishaps: 0, jumps: 1 },
        { after: ['Pub/Sub delivers a', 'worker 1: create reaches the ledger', 'worker 1 hears of create'] },
      )
    ).broken
    expect(first?.sentence).toBe('Under one key, at most one message is sent.')
  })
})

describe('what keeps it so: without it, the search finds an invariant that does not hold', () => {
  it.each(PLANTED)('$what', async ({ breaks, fault, setting, bounds, after }) => {
    const { broken } = await explore({ ...AGAIN, ...setting, fault }, bounds, { sentences: [breaks], after })
    expect(broken.map(({ sentence }) => sentence)).toEqual([breaks])
  })

  it('every invariant is broken by one of them', () => {
    expect(new Set(PLANTED.map(({ breaks }) => breaks))).toEqual(new Set(INVARIANTS.map(({ sentence }) => sentence)))
  })
})

it('the invariants are the sentences of the README, to the letter', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const section = readme.split('\n## ').find((each) => each.startsWith('Invariants')) ?? ''
  const sentences = [...section.matchAll(/^- (.+(?:\n {2}.+)*)/gm)].map(([, text = '']) => text.replaceAll('\n  ', ' '))
  expect(sentences).toEqual(INVARIANTS.map(({ sentence }) => sentence))
})
