import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Journal } from './journal.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  path = join(folder, 'replay.ndjson')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the journal of a replay', () => {
  it('tells what a killed run had replayed, what it held, and whether a pull was open', () => {
    const journal = new Journal(path)
    journal.begin(4711, 1)
    journal.pullBegins(2)
    journal.pulled([
      { messageId: 'a', ackId: 'ack-a' },
      { messageId: 'b', ackId: 'ack-b' },
    ])
    journal.replayed('a')
    expect(new Journal(path).read()).toEqual({
      replayed: new Set(['a']),
      held: new Map([
        ['a', 'ack-a'],
        ['b', 'ack-b'],
      ]),
      openPullAtMs: undefined,
      process: 4711,
      begunAtMs: [1],
    })
    journal.pullBegins(3)
    expect(new Journal(path).read()?.openPullAtMs).toBe(3)
  })

  it('goes on over several kills', () => {
    for (const id of ['a', 'b']) {
      const journal = new Journal(path)
      journal.begin(1, 1)
      journal.replayed(id)
    }
    expect(new Journal(path).read()?.replayed).toEqual(new Set(['a', 'b']))
  })

  it('passes over the line that was being written', () => {
    const journal = new Journal(path)
    journal.replayed('a')
    appendFileSync(path, '{"replayed":"b')
    expect(new Journal(path).read()?.replayed).toEqual(new Set(['a']))
    const next = new Journal(path)
    next.begin(4711, 1)
    expect(next.read()).toMatchObject({ replayed: new Set(['a']), process: 4711 })
  })

  it('is gone when a run comes to its end', () => {
    const journal = new Journal(path)
    journal.begin(1, 1)
    journal.end()
    expect(journal.read()).toBeUndefined()
    expect(existsSync(path)).toBe(false)
  })
})
