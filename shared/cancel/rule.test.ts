import { type CancelFacts, type CancelRule, cancels, inForce, MOST_RULES, rulesIn, textOf } from './rule.ts'

const rule: CancelRule = {
  ...{
    id: 'c-1',
    before: '2026-11-26T09:30:00.500Z',
    until: '2026-12-03T09:30:00.500Z',
    by: 'jane',
    why: 'wrong prices',
  },
  where: { topic: 'transactional', template: '3', lane: 'bulk', person: { kind: 'email', value: 'Ada@Example.com' } },
}
const facts: CancelFacts = {
  ...{ topic: 'transactional', lane: 'bulk', template: '3', eventName: undefined },
  persons: [{ kind: 'email', value: 'ada@example.com' }],
  publishedAtMs: Date.parse('2026-11-26T09:30:00.499Z'),
}

it('cancels what meets every condition and was published before', () => {
  expect(cancels(rule, facts)).toBe(true)
  expect(cancels(rule, { ...facts, publishedAtMs: facts.publishedAtMs + 1 })).toBe(false)
})

it.each([
  ['topic', { topic: 'track' }],
  ['template', { template: '4' }],
  ['no template', { template: undefined }],
  ['lane', { lane: 'urgent' }],
  ['person', { persons: [{ kind: 'email', value: 'lin@example.com' }] }],
  ['person of another kind', { persons: [{ kind: 'id', value: 'ada@example.com' }] }],
] as const)('leaves what differs in one: %s', (_, change) => {
  expect(cancels(rule, { ...facts, ...change })).toBe(false)
})

it('leaves what was published at a time that nobody knows', () => {
  expect(cancels(rule, { ...facts, publishedAtMs: Number.NaN })).toBe(false)
})

it('compares the names of events', () => {
  const event = { ...rule, where: { event: 'order_completed' } }
  expect(cancels(event, { ...facts, topic: 'track', eventName: 'order_completed' })).toBe(true)
  expect(cancels(event, { ...facts, topic: 'track', eventName: 'order_complete' })).toBe(false)
})

it('ends by itself', () => {
  const until = Date.parse(rule.until)
  expect(inForce([rule], until - 1)).toEqual([rule])
  expect(inForce([rule], until)).toEqual([])
})

it('comes back as it was written', () => {
  expect(rulesIn(textOf([rule]))).toEqual([rule])
  expect(rulesIn(undefined)).toEqual([])
})

it.each([
  ['{', 'no JSON'],
  ['{"rules":{}}', 'rules: '],
  [textOf([{ ...rule, where: {} }]), 'rules.0.where: name a condition'],
  [textOf([{ ...rule, before: 'now' }]), 'rules.0.before: '],
  [textOf(Array(MOST_RULES + 1).fill(rule)), 'rules: '],
  // A condition that only a later version knows: without it the rule would cancel more.
  [JSON.stringify({ rules: [{ ...rule, where: { ...rule.where, campaign: 7 } }] }), 'rules.0.where: '],
])('takes none of the rules of %s', (written, problem) => {
  expect(() => rulesIn(written)).toThrow(problem)
})
