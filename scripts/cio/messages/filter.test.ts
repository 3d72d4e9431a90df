import type { MessageRow } from '../../console/areas/messages/row.ts'
import { parseFilter } from './filter.ts'

const ROW: MessageRow = {
  ...{ id: '123', publishedAtMs: 0, topic: 'transactional', lane: undefined, person: 'Ada@example.com' },
  ...{ what: 'email', template: 'order receipt', outcome: 'refused', reason: 'contract', attempts: 2, latencyMs: 5 },
}
const BULK: MessageRow = { ...ROW, lane: 'bulk' }
const EVENT: MessageRow = {
  ...{ ...ROW, topic: 'track', person: undefined, what: 'event order_completed', template: undefined },
  ...{ outcome: 'delivered', reason: undefined, attempts: 1 },
}

it.each<[string, boolean, boolean]>([
  ['', true, true],
  ['topic:track', false, true],
  ['topic:tra', true, true],
  ['topic:rack', false, false],
  ['topic:track topic:transactional', true, true],
  ['topic:track outcome:refused', false, false],
  ['outcome:refused person:ada@', true, false],
  ['person:example', true, false],
  ['-person:ada', false, true],
  ['-topic:track', true, false],
  ['name:"order receipt"', true, false],
  ['name:order', true, true],
  ['"order receipt', true, false],
  ['receipt', true, false],
  ['ADA contract', true, false],
  ['-ada', false, true],
  ['attempts:2', true, false],
  ['attempts:>1', true, false],
  ['attempts:<2', false, true],
  ['id:12', true, true],
  ['lane:normal', true, true],
  // While a word is being typed, the list does not go empty.
  ['topic:', true, true],
  ['topic:track outcome:', false, true],
])('%s', (text, row, event) => {
  const { matches, problem } = parseFilter(text)
  expect(problem).toBeUndefined()
  expect([matches(ROW), matches(EVENT)]).toEqual([row, event])
})

it('tells the lanes apart', () => {
  expect([ROW, BULK].map(parseFilter('lane:bulk').matches)).toEqual([false, true])
})

it.each([
  ['topics:track', /there is no topics: here, only topic, outcome, .*attempts$/],
  ['constructor:x', /there is no constructor:/],
  ['attempts:many', /takes a number/],
])('says what is wrong with %s, and takes the rest', (text, expected) => {
  const { matches, problem } = parseFilter(`${text} topic:track`)
  expect(problem).toMatch(expected)
  expect([matches(ROW), matches(EVENT)]).toEqual([false, true])
})
