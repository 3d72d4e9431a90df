import fc from 'fast-check'
import type { CallOutcome, Refused, Retry } from '../outcome/index.ts'
import { type BatchAnswer, bisect } from './index.ts'

const DELIVERED: CallOutcome = { kind: 'delivered' }
const TROUBLE: Retry = { kind: 'retry', cause: 'transient', error: '503', httpStatus: 503 }
const refused = (error: string): Refused => ({ kind: 'refused', reason: 'refused', error, httpStatus: 400 })
const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

/** A server that refuses every request that holds one of `bad`, naming the first it finds. */
function strictServer(bad: ReadonlySet<number>) {
  const requests: (readonly number[])[] = []
  const send = async (items: readonly number[]): Promise<BatchAnswer<CallOutcome>> => {
    requests.push(items)
    const culprit = items.find((item) => bad.has(item))
    return culprit === undefined
      ? { kind: 'perItem', outcomes: items.map(() => DELIVERED) }
      : { kind: 'refusedWhole', outcome: refused(`item ${culprit}`) }
  }
  return { requests, send }
}

describe('a batch that is refused as a whole', () => {
  it('takes one request when nothing is wrong with it', async () => {
    const { requests, send } = strictServer(new Set())
    expect(await bisect(range(100), send)).toEqual(range(100).map(() => DELIVERED))
    expect(requests).toHaveLength(1)
  })

  it('delivers 97 of 100 and refuses the three culprits with their own reason, in at most 40 requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(99), { minLength: 3, maxLength: 3 }), async (culprits) => {
        const bad = new Set(culprits)
        const { requests, send } = strictServer(bad)
        const outcomes = await bisect(range(100), send)
        expect(outcomes).toEqual(range(100).map((item) => (bad.has(item) ? refused(`item ${item}`) : DELIVERED)))
        expect(requests.length).toBeLessThanOrEqual(40)
      }),
      { numRuns: 500, examples: [[[0, 49, 99]], [[2, 27, 77]], [[97, 98, 99]], [[0, 1, 2]], [[5, 30, 55]]] },
    )
  })

  it('decides every item, however many are bad, and sends each accepted item in exactly one accepted request', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.uniqueArray(fc.nat(39)), async (length, culprits) => {
        const bad = new Set(culprits)
        const { requests, send } = strictServer(bad)
        const outcomes = await bisect(range(length), send)
        expect(outcomes).toEqual(range(length).map((item) => (bad.has(item) ? refused(`item ${item}`) : DELIVERED)))
        const accepted = requests.filter((request) => !request.some((item) => bad.has(item))).flat()
        expect(accepted.toSorted((a, b) => a - b)).toEqual(range(length).filter((item) => !bad.has(item)))
      }),
    )
  })

  it('does not send the half that must hold the culprit as a whole', async () => {
    const { requests, send } = strictServer(new Set([7]))
    await bisect(range(8), send)
    expect(requests).toEqual([range(8), [0, 1, 2, 3], [4, 5], [6], [7]])
  })

  it('refuses nothing on suspicion: items refused only for the size of the request are all delivered', async () => {
    const outcomes = await bisect<number, CallOutcome>(range(100), async (items) =>
      items.length > 30
        ? { kind: 'refusedWhole', outcome: refused('413') }
        : { kind: 'perItem', outcomes: items.map(() => DELIVERED) },
    )
    expect(outcomes).toEqual(range(100).map(() => DELIVERED))
  })

  it('suspects the second half only when all of the first was accepted', async () => {
    const requests: (readonly number[])[] = []
    await bisect(range(4), async (items) => {
      requests.push(items)
      if (items.length === 4) return { kind: 'refusedWhole', outcome: refused('whole') }
      return { kind: 'perItem', outcomes: items.map((item) => (item === 0 ? refused('item 0') : DELIVERED)) }
    })
    expect(requests).toEqual([range(4), [0, 1], [2, 3]])
  })

  it('leaves what is undecided for a retry when trouble comes in the middle, and asks no more', async () => {
    const { send } = strictServer(new Set([1]))
    let requests = 0
    const outcomes = await bisect<number, CallOutcome>(range(8), async (items) => {
      requests++
      return requests === 5 ? { kind: 'undecided', outcome: TROUBLE } : await send(items)
    })
    expect(requests).toBe(5) // 0..7, 0..3, 0..1, 0, 1: trouble
    expect(outcomes).toEqual([DELIVERED, ...range(7).map(() => TROUBLE)])
  })

  it('rejects an answer that does not fit the request', async () => {
    await expect(bisect(range(2), async () => ({ kind: 'perItem', outcomes: [DELIVERED] }))).rejects.toThrow(
      'a request of 2 items was answered with 1 outcomes',
    )
  })
})
