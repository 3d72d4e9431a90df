import { countRecipients, isPhoneNumberOrLiquid } from './recipients.ts'

it.each<[string, number | undefined]>([
  ['a@example.com', 1],
  ['a@example.com,b@example.com , c@example.com', 3],
  ['Jane <a@example.com>', 1],
  ['"Doe, Jane" <a@example.com>, b@example.com', 2],
  ['"Jane \\"J, D\\" Doe" <a@example.com>', 1],
  ['дж@пример.рф', 1],
  ['root@localhost', 1],
  ['{{customer.email}}', 1],
  ['{% if a %}a@example.com,b@example.com{% endif %}', 1],
  ['', undefined],
  ['a@example.com,', undefined],
  ['a@example.com;b@example.com', undefined],
  ['jane', undefined],
  ['@example.com', undefined],
  ['a@', undefined],
  ['a@b@c', undefined],
  ['Jane <a@example.com', undefined],
  ['"Doe, Jane <a@example.com>', undefined],
  ['a@example.com\nBcc: b@example.com', undefined],
])('%j names %s recipients', (list, count) => {
  expect(countRecipients(list)).toBe(count)
})

it('splits a megabyte of commas and quotes in no time worth mentioning', () => {
  expect(countRecipients('",'.repeat(500_000))).toBeUndefined()
})

it.each([
  ['+14155552671', true],
  ['+123456789012345', true],
  ['{{customer.phone}}', true],
  ['+1234567890123456', false],
  ['+0123', false],
  ['14155552671', false],
  ['+1 415 555', false],
  ['', false],
])('%j is a phone number: %s', (text, expected) => {
  expect(isPhoneNumberOrLiquid(text)).toBe(expected)
})
