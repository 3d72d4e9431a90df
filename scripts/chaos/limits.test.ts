import { readTopology } from '../topology/topology.ts'
import { rateLimits, type Span } from './limits.ts'

const limitsOf = (budget: string, overlaps: readonly Span[], pauses: readonly Span[]) =>
  rateLimits(readTopology(), { identify: 2, track: 2, transactional: 3 }, overlaps, pauses)
    .filter((limit) => limit.budget === budget)
    .map(({ atMs, requests }) => [atMs, requests])
    .sort(([a = 0], [b = 0]) => a - b)

it('allows what the account does in two seconds and what half a second may bunch', () => {
  expect(limitsOf('account', [], [])).toEqual([[0, 750]])
})

it('allows twice as much while two revisions serve, and more only in a pause', () => {
  const overlap = { fromMs: 1_000, untilMs: 5_000 }
  const pause = { fromMs: 4_000, untilMs: 6_000 }
  expect(limitsOf('account', [overlap], [pause])).toEqual([
    [0, 750],
    [1_000, 1_500],
    [4_000, 2_400],
    [5_000, 1_200],
    [6_000, 750],
  ])
})

it('allows a function its share of what is shared out, and a first request of each process', () => {
  // 300 × 0.8 × 0.3 per second, in 2.5 s, and a tenth of a second's worth for each of the processes together.
  expect(limitsOf('identify', [], [])).toEqual([[0, 188]])
})
