import fc from 'fast-check'
import { ContentTable, entryOf } from './content-table.ts'

const A = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

it('tells another hash under a ULID from the same, and both from none', () => {
  const table = new ContentTable(4)
  expect(table.look(entryOf(A, 1, 2))).toBe('none')
  table.add(entryOf(A, 1, 2))
  expect(table.look(entryOf(A, 1, 2))).toBe('same')
  expect(table.look(entryOf(A.toLowerCase(), 1, 2))).toBe('same')
  expect(table.look(entryOf(A, 0, 2))).toBe('other')
  expect(table.look(entryOf(A, 1, 3))).toBe('other')
})

it('knows every character of a ULID', () => {
  const table = new ContentTable(1)
  table.add(entryOf('0'.repeat(26), 1, 2))
  for (let at = 0; at < 26; at++)
    for (const character of '123456789ABCDEFGHJKMNPQRSTVWXYZ')
      expect(table.look(entryOf(`${'0'.repeat(at)}${character}${'0'.repeat(25 - at)}`, 1, 2))).toBe('none')
})

it('is what a map is, also where the slots of many are the same', () => {
  const ulid = fc.nat({ max: 23 }).map(
    (each) =>
      `01ARZ3NDEKTSV4${String(each * each)
        .repeat(3)
        .padEnd(12, '0')}`,
  )
  const hash = fc.constantFrom(1, 2)
  const step = fc.record({
    ulid,
    hash,
    what: fc.constantFrom(...Array(19).fill('add'), ...Array(8).fill('delete'), 'clear'),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 200 }), (steps) => {
      // Half of 32 slots: many find their own taken.
      const table = new ContentTable(16)
      const model = new Map<string, number>()
      for (const { ulid: id, hash: content, what } of steps) {
        const entry = entryOf(id, content, 0)
        const kept = model.get(id)
        expect(table.look(entry)).toBe(kept === undefined ? 'none' : kept === content ? 'same' : 'other')
        if (what === 'delete') {
          table.delete(entry)
          model.delete(id)
        } else if (what === 'clear' || table.isFull) {
          table.clear()
          model.clear()
        } else {
          table.add(entry)
          model.set(id, content)
        }
      }
    }),
  )
})

it('takes no more entries than it was made for', () => {
  const table = new ContentTable(2)
  for (const id of ['1', '1', '2']) {
    expect(table.isFull).toBe(false)
    table.add(entryOf(id, 1, 2))
  }
  expect(table.isFull).toBe(true)
  table.clear()
  expect(table.isFull).toBe(false)
  expect(table.look(entryOf('1', 1, 2))).toBe('none')
})
