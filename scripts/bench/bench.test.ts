import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawChart } from './chart.ts'
import { inRounds, rowOf } from './figures/figure.ts'
import { check, firstLimit, fitCpu, type ModelInput, modelDay, requestsPerSecond } from './model.ts'
import { modelInput } from './model-input.ts'
import { modelFrom } from './modelled.ts'
import { reportOf, withReport } from './report.ts'
import { readResults, type StoredResult, storeResult } from './results.ts'
import { messagesInPublish, publishAnswer } from './sinks/publish-wire.ts'
import { fitLine, isMet, median, percentile, spreadOf } from './statistics.ts'
import { whyRejected } from './validity.ts'

describe('statistics', () => {
  it('percentiles are values that were measured, by the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0.01, 0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100])
    expect(percentile([7], 0.99)).toBe(7)
    expect(() => percentile([], 0.5)).toThrow(RangeError)
  })

  it('a median lies in the middle whatever the order, between two of an even number', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(() => median([])).toThrow(RangeError)
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3, rounds: 3 })
  })

  it('a target is met at its very value', () => {
    expect([isMet(10, { atLeast: 10 }), isMet(9.99, { atLeast: 10 })]).toEqual([true, false])
    expect([isMet(1.35, { atMost: 1.35 }), isMet(1.36, { atMost: 1.35 })]).toEqual([true, false])
    expect(isMet(0, 'none')).toBe(true)
  })

  it('a line goes through points that lie on it', () => {
    const { intercept, slope } = fitLine([0, 1, 4].map((x) => [x, 3 + 2 * x] as const))
    expect(intercept).toBeCloseTo(3)
    expect(slope).toBeCloseTo(2)
    expect(() => fitLine([[1, 1]])).toThrow(RangeError)
  })
})

describe('a round', () => {
  const quiet = { generatorCores: 0.6, sinkCores: 0.3, otherCores: 0.05, instanceWaited: 0.1 }

  it('counts when nothing but the instance was at its limit', () => {
    expect(whyRejected(quiet)).toEqual([])
  })

  it.each([
    ['generatorCores', 0.9, 'the load generator was saturated: 90 % of a core'],
    ['sinkCores', 0.95, 'the sink was saturated: 95 % of a core'],
    ['otherCores', 0.4, 'other programs took 40 % of a core'],
    ['instanceWaited', 0.5, 'the instance had no core for 50 % of the time'],
  ])('is rejected for %s of %d', (what, value, reason) => {
    expect(whyRejected({ ...quiet, [what]: value })).toEqual([reason])
  })

  const bench = { rounds: 2, quick: false, say: () => {} }
  const rounds = (...disturbed: boolean[]) => {
    let next = 0
    return async () => ({ index: next, disturbed: disturbed[next++] ?? true })
  }
  const problems = (round: { disturbed: boolean }) => (round.disturbed ? ['noise'] : [])

  it('that is rejected is measured again', async () => {
    const { counted, rejected, disturbed } = await inRounds(bench, rounds(true, false, false), problems)
    expect(counted.map(({ index }) => index)).toEqual([1, 2])
    expect(rejected).toEqual(['round 1: noise'])
    expect(disturbed).toBe(false)
  })

  it('is not repeated forever: what there is then is marked as disturbed', async () => {
    const result = await inRounds(bench, rounds(), problems)
    expect(result.counted).toHaveLength(4)
    expect(result.disturbed).toBe(true)
  })
})

describe('the model', () => {
  const batching = { maxItems: 100, maxInFlight: 4, requestSeconds: 0.05 }
  const cpu = { perMessageMicroseconds: 300, perRequestMicroseconds: 1_000 }
  const input: ModelInput = modelInput(cpu, batching)

  it('makes one request per message when messages are rare, and one after the other when they are not', () => {
    expect(requestsPerSecond(5, batching)).toBe(5)
    expect(requestsPerSecond(200, batching)).toBe(20)
    expect(requestsPerSecond(2_000, batching)).toBe(20)
  })

  it('lets further requests go beside it once batches are full, up to the bound', () => {
    expect(requestsPerSecond(4_000, batching)).toBe(40)
    expect(requestsPerSecond(100_000, batching)).toBe(80)
  })

  it('finds the costs that its steps were made from, and agrees with them', () => {
    const steps = [20, 200, 2_000].map((messagesPerSecond) => {
      const requestsPerMessage = requestsPerSecond(messagesPerSecond, batching) / messagesPerSecond
      const cpuMicrosecondsPerMessage = 300 + 1_000 * requestsPerMessage
      return { concurrentPushes: messagesPerSecond, messagesPerSecond, requestsPerMessage, cpuMicrosecondsPerMessage }
    })
    expect(fitCpu(steps).perMessageMicroseconds).toBeCloseTo(300)
    expect(fitCpu(steps).perRequestMicroseconds).toBeCloseTo(1_000)
    for (const { requests, cpu: predicted } of check(steps, batching)) {
      expect(requests).toBeCloseTo(1)
      expect(predicted).toBeCloseTo(1)
    }
  })

  it('grows with the messages, and its requests more slowly', () => {
    const days = [1e4, 1e6, 1e8].map((messages) => modelDay(messages, input))
    const [few, some, many] = days
    expect(days.map(({ instancesAtPeak }) => instancesAtPeak)).toEqual(
      days.map(({ instancesAtPeak }) => instancesAtPeak).toSorted((a, b) => a - b),
    )
    expect(many?.messagesPerRequest).toBeGreaterThan(some?.messagesPerRequest ?? Number.NaN)
    expect(few?.messagesPerRequest).toBeLessThan(1.1)
    expect(many?.dollarsPerMillion).toBeLessThan(few?.dollarsPerMillion ?? Number.NaN)
  })

  it("is not below what was measured, where terraform/cost takes a message's CPU for granted", () => {
    const growth = readResults().find(({ name }) => name === 'growth')
    if (growth === undefined) throw new Error('there is no results/growth.json')
    const { input: measured } = modelFrom(growth)
    // One request for five messages: what ten concurrent pushes get.
    const seconds = (measured.cpu.perMessageMicroseconds + measured.cpu.perRequestMicroseconds / 5) / 1e6
    expect(measured.cost.model.assumptions.cpu_seconds.deliver).toBeGreaterThan(seconds)
    expect(seconds).toBeGreaterThan(0)
  })

  it('names the limit that is met first, and meets it there', () => {
    const { messagesPerDay, limit } = firstLimit(input)
    expect(modelDay(messagesPerDay * 0.99, input).usedOfLimit).toBeLessThanOrEqual(1)
    const beyond = modelDay(messagesPerDay * 1.01, input)
    expect(beyond.usedOfLimit).toBeGreaterThan(1)
    expect(beyond.nearestLimit).toBe(limit)
    const fewSends = { ...input, limits: { ...input.limits, sendsPerSecond: 1 } }
    expect(firstLimit(fewSends).limit).toBe("Customer.io's rate, sends")
  })
})

describe('results', () => {
  const result: StoredResult = {
    name: 'cpu',
    measuredAt: '2026-11-21T21:00:00.000Z',
    machine: { cpu: 'C', cores: 2, memoryGiB: 24, kernel: '6', node: 'v24', versions: { zod: '4' }, commit: 'abc' },
    rows: [
      rowOf(
        { figure: 'CPU `x`', against: 'a < b', target: { atMost: 0.5 }, inNumbers: '1 against 4' },
        [0.2, 0.3, 0.25],
      ),
      rowOf({ figure: 'rate', against: 'b', target: { atLeast: 10 }, inNumbers: '5 against 1' }, [5]),
    ],
    rounds: [{ any: 1 }],
    rejected: ['round 1: noise'],
    disturbed: false,
  }

  it('are read as they were stored', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    storeResult(folder, result)
    expect(readResults(folder)).toEqual([result])
    rmSync(folder, { recursive: true })
  })

  it('are told as a table, met or missed, between the marks of the README', () => {
    const begin = '<!-- results: written by `npm run bench` -->'
    const readme = `before\n${begin}\nold\n<!-- end of results -->\nafter\n`
    const text = withReport(readme, reportOf([result], undefined))
    expect(text).toMatch(/^before\n/)
    expect(text).not.toContain('old')
    expect(text).toContain('| CPU `x` | a < b | ≤ 0.5 | **0.25 ×** ✓ | 3 (0.2 – 0.3) | 1 against 4 |')
    expect(text).toContain('**5 ×** ✗')
    expect(text).toContain('1 rounds were rejected')
    expect(text).toMatch(/<!-- end of results -->\nafter\n$/)
    expect(() => withReport('no place', 'r')).toThrow('no place for the results')
  })

  it('are told with the machine, the day and the commit of each', () => {
    const other = { ...result.machine, cpu: 'D' }
    const text = reportOf(
      [
        result,
        { ...result, name: 'record' },
        { ...result, name: 'drain', measuredAt: '2026-11-22T00:00:00.000Z' },
        { ...result, name: 'growth', machine: other },
      ],
      undefined,
    )
    expect(text).toContain(
      'Measured on 2 cores of C, 24 GiB, Linux 6, Node v24; zod 4: cpu, record on 2026-11-21 at abc; drain on 2026-11-22 at abc.\n',
    )
    expect(text).toContain('Measured on 2 cores of D, 24 GiB, Linux 6, Node v24; zod 4: growth on 2026-11-21 at abc.\n')
  })

  it('are drawn to the right of the target when met and to the left when missed', () => {
    const svg = drawChart([result])
    expect(svg).toContain('a &lt; b')
    const bars = [...svg.matchAll(/<rect class="(yes|no)" x="([\d.]+)"/g)].map(([, mark, x]) => [mark, Number(x)])
    const target = Number(/<line class="target" x1="([\d.]+)"/.exec(svg)?.[1])
    expect(bars[0]).toEqual(['yes', target])
    expect(bars[1]?.[0]).toBe('no')
    expect(bars[1]?.[1]).toBeLessThan(target)
  })
})

describe('the Pub/Sub sink', () => {
  it('counts the messages of a publish by their bytes, and gives each an id', () => {
    const field = (tag: number, bytes: number[]) => [
      tag,
      (bytes.length & 0x7f) | (bytes.length > 127 ? 0x80 : 0),
      ...(bytes.length > 127 ? [bytes.length >> 7] : []),
      ...bytes,
    ]
    const long = Array.from({ length: 300 }, () => 18)
    const request = Uint8Array.from([...field(10, [18, 18, 18]), ...field(18, long), ...field(18, [])])
    expect(messagesInPublish(request)).toBe(2)
    expect(publishAnswer(11, 2)).toEqual(Buffer.from([10, 2, 0x31, 0x30, 10, 2, 0x31, 0x31]))
  })
})
