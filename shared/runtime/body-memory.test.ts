import fc from 'fast-check'
import { type BodyHold, BodyMemory } from './body-memory.ts'

const OPTIONS = { budgetBytes: 1_000, memoryPerByte: 2, maxBytes: 200 }

it('lets bodies in until their memory is used up, and again when some is given back', () => {
  const memory = new BodyMemory(OPTIONS)
  const holds = [200, 200, 100].map((bytes) => {
    const hold = memory.hold()
    expect(hold.grow(bytes)).toBe(true)
    return hold
  })
  expect(memory.hold().grow(1)).toBe(false)
  holds[2]?.release()
  expect(memory.hold().grow(101)).toBe(false)
  expect(memory.hold().grow(100)).toBe(true)
})

it('counts a body that grows once, and nothing of one that did not fit', () => {
  const memory = new BodyMemory(OPTIONS)
  const growing = memory.hold()
  for (let bytes = 1; bytes <= 200; bytes++) expect(growing.grow(bytes)).toBe(true)
  for (let i = 0; i < 10; i++) memory.hold().grow(10_000)
  expect(memory.hold().grow(200)).toBe(true)
  expect(memory.hold().grow(100)).toBe(true)
  expect(memory.hold().grow(1)).toBe(false)
})

it('keeps memory for one oversize body, whatever else is held, and lets in no second one', () => {
  const memory = new BodyMemory({ ...OPTIONS, deliverableBytes: 50 })
  const [first, second] = [memory.hold(), memory.hold()]
  for (let i = 0; i < 100; i++) memory.hold().grow(50)
  expect(first.grow(51)).toBe(true)
  expect(first.grow(200)).toBe(true)
  expect(second.grow(51)).toBe(false)
  first.release()
  expect(second.grow(51)).toBe(true)
})

it('moves a body that turns out oversize to the memory that is kept for it', () => {
  const memory = new BodyMemory({ ...OPTIONS, deliverableBytes: 50 })
  const streamed = memory.hold()
  streamed.grow(50)
  streamed.grow(51)
  // Six hundred bytes are left for bodies of fifty, and none of them is taken.
  expect(Array.from({ length: 7 }, () => memory.hold().grow(50))).toEqual([...Array(6).fill(true), false])
})

it('counts what is made of a body until it is released', () => {
  const memory = new BodyMemory(OPTIONS)
  const parsed = memory.hold()
  expect(parsed.grow(100)).toBe(true)
  expect(parsed.take(700)).toBe(true)
  expect(parsed.take(101)).toBe(false)
  expect(memory.hold().grow(51)).toBe(false)
  parsed.release()
  expect(memory.hold().grow(200)).toBe(true)
})

it('refuses a budget that never lets in the largest body', () => {
  expect(() => new BodyMemory({ ...OPTIONS, budgetBytes: 399 })).toThrow('never lets in the largest body')
  expect(() => new BodyMemory({ ...OPTIONS, budgetBytes: 499, deliverableBytes: 50 })).toThrow(RangeError)
})

it('never takes more than its budget, and has all of it back in the end', () => {
  const step = fc.record({ hold: fc.nat({ max: 7 }), bytes: fc.nat({ max: 200 }), release: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(50, 200), (steps, deliverableBytes) => {
      const memory = new BodyMemory({ ...OPTIONS, deliverableBytes })
      const holds: BodyHold[] = Array.from({ length: 8 }, () => memory.hold())
      const held = new Map<number, number>()
      for (const { hold: index, bytes, release } of steps) {
        const hold = holds[index]
        if (release) {
          hold?.release()
          held.delete(index)
        } else if (hold?.grow(bytes)) held.set(index, Math.max(bytes, held.get(index) ?? 0))
        const taken = [...held.values()].reduce((sum, bytes) => sum + bytes * OPTIONS.memoryPerByte, 0)
        expect(taken).toBeLessThanOrEqual(OPTIONS.budgetBytes)
      }
      for (const hold of holds) hold.release()
      const kept = deliverableBytes < 200 ? 400 : 0
      expect(memory.hold().grow(deliverableBytes)).toBe(true)
      let rest = (1_000 - kept) / 2 - deliverableBytes
      for (; rest > 0; rest -= Math.min(rest, deliverableBytes)) {
        expect(memory.hold().grow(Math.min(rest, deliverableBytes))).toBe(true)
      }
      expect(memory.hold().grow(1)).toBe(false)
    }),
  )
})
