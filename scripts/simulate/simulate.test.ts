import { describeVerdict } from '../history/check.ts'
import { type HourOptions, simulateHour } from './hour.ts'
import type { Safeguard } from './safeguards.ts'

/** Of the first seed: without faults, with instances that end, with requests that are late, and with everything. */
const HOURS = ['1/7', '1/34', '1/67', '1/5', '1/38', '1/50']

const verdictOf = async (options: HourOptions) => describeVerdict((await simulateHour(options)).verdict)

it.each(HOURS)('nothing is lost and nothing happens twice in the hour %s', async (seed) => {
  expect(await verdictOf({ seed })).toContain('accepted')
})

it.each(['1/2', '1/7', '1/15'])('no webhook is lost on its way into BigQuery in the hour %s', async (seed) => {
  expect(await verdictOf({ seed, part: 'webhooks' })).toContain('accepted')
})

it('an instance that divides a refused batch when it has to end cuts nothing off', async () => {
  expect(await verdictOf({ seed: '1/35' })).toContain('accepted')
})

it('a seed gives the same recording again, and another seed another one', async () => {
  const hash = async (seed: string) => (await simulateHour({ seed })).hash
  expect(await hash('1/5')).toBe(await hash('1/5'))
  expect(await hash('1/5')).not.toBe(await hash('1/12'))
})

it.each<readonly [Safeguard, string]>([
  ['settle time', '1/42'],
  ['207 mapping', '1/42'],
  ['bisecting', '1/42'],
  ['drain', '1/34'],
  ['guard', '1/7'],
  ['expiry', '1/5'],
  ['event id', '1/5'],
])('sees what is lost without: %s', async (without, seed) => {
  expect(await verdictOf({ seed, without })).toContain('rejected')
})

it.each(['certain publish', 'row errors'] as const)('sees what webhooks lose without: %s', async (without) => {
  expect(await verdictOf({ seed: '1/1', part: 'webhooks', without })).toContain('rejected')
})

/** The shortest schedule of hour 267: an instance stands still as an update reaches it, and the person is deleted meanwhile. */
it('sees what is lost without: closed connection', async () => {
  const schedule = { seed: '1/267', ops: new Set(['32', '55']), faults: new Set(['frozen at push m32/1']) }
  expect(await verdictOf(schedule)).toContain('accepted')
  expect(await verdictOf({ ...schedule, without: 'closed connection' })).toContain(
    'update 1 took effect after update 2',
  )
})

/** The shortest schedule of hour 225: a process stands still before and after its send, and the list is late. */
it('sees what is lost without: lease margin', async () => {
  const faults = ['stalled POST /email of 421 #1', 'listed late POST /email of 421 #1', 'stalled POST /email of 423 #1']
  const schedule = { seed: '1/225', ops: new Set(['421', '423']), faults: new Set(faults) }
  expect(await verdictOf(schedule)).toContain('accepted')
  expect(await verdictOf({ ...schedule, without: 'lease margin' })).toContain('421: Customer.io has it 2 times')
})
