import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  boundedSubjectKey,
  type IdentifierKind,
  identifierOf,
  identifiersOf,
  isSamePhone,
  keyOf,
  phoneOf,
  subjectKey,
} from './identifier.ts'

const key = (kind: IdentifierKind, value: unknown) => {
  const identifier = identifierOf(kind, value)
  return identifier && keyOf(identifier)
}

it.each<[IdentifierKind, unknown, string | undefined]>([
  ['id', 'Zed', 'id:Zed'],
  ['id', ' zed', 'id: zed'],
  ['id', 7, 'id:7'],
  ['id', 12_345_678_901_234_567_890n, 'id:12345678901234567890'],
  ['id', '07', 'id:07'],
  ['id', 'ann@example.com', 'id:ann@example.com'],
  ['cio_id', 'A03C', 'cio_id:A03C'],
  ['anonymous_id', 12, 'anonymous_id:12'],
  ['email', 'Ann <ANN@Example.com>', 'email:ann@example.com'],
  ['email', 'ann@BÜCHER.example', 'email:ann@xn--bcher-kva.example'],
  ['email', 'a,b@example.com', 'email:a,b@example.com'],
  ['email', 'No Address', 'email:no address'],
  ['phone', '+1 (415) 555-2671', 'phone:+14155552671'],
  ['phone', '0049 30 123456', 'phone:+4930123456'],
  ['phone', '030 123456', 'phone:030 123456'],
  ['phone', '+49 (0)30 123456', 'phone:+4930123456'],
  ['phone', '0049(0)30/123456', 'phone:+4930123456'],
  ['phone', '\u202a+1 415 555 2671\u202c', 'phone:+14155552671'],
  ['phone', 'whatsapp:+14155552671', 'phone:+14155552671'],
  ['phone', ' tel:+14155552671', 'phone:+14155552671'],
  // What only holds a number is another text, and perhaps another person's.
  ['phone', 'call +14155552671', 'phone:call +14155552671'],
  ['phone', '+14155552671 home', 'phone:+14155552671 home'],
  ['phone', '+1 tel:4155552671', 'phone:+1 tel:4155552671'],
  ['phone', '+1234567890123456', 'phone:+1234567890123456'],
  // Only right behind the country code is a zero in parentheses not dialled.
  ['phone', '+1 415 000 (0)123', 'phone:+14150000123'],
  ['id', null, undefined],
  ['id', '', undefined],
  ['id', { a: 1 }, undefined],
  ['id', true, undefined],
])('names by %s %j as %j', (kind, value, expected) => {
  expect(key(kind, value)).toBe(expected)
})

it.each([
  [{ id: 'u1' }, 'id:u1'],
  [{ object_type_id: '1', object_id: 'acme' }, 'object:1:acme'],
  [{ cio_object_id: 'x' }, 'cio_object_id:x'],
  [{ primary: 'nobody' }, ''],
])('names whom or what %j is about as %s', (identifiers, expected) => {
  expect(subjectKey(identifiers)).toBe(expected)
})

it('names a subject by its hash only where its name takes more bytes than there are', () => {
  const name = { id: 'é'.repeat(10) }
  expect(boundedSubjectKey(name, 23)).toBe(subjectKey(name))
  const digest = createHash('sha256').update(subjectKey(name)).digest('hex')
  expect(boundedSubjectKey(name, 22)).toBe(`sha256:${digest}`)
})

it('reads only the known kinds, in their order', () => {
  const names = { phone: '+14155552671', id: 5, name: 'Ann', email: null }
  expect(identifiersOf(names).map(keyOf)).toEqual(['id:5', 'phone:+14155552671'])
  for (const nothing of ['id', null, undefined]) expect(identifiersOf(nothing)).toEqual([])
})

it.each([
  ['+14155552671', '1 415 555 2671', true],
  ['1 415 555 2671', '+14155552671', true],
  ['last_used', 'first_used', false],
  ['+14155552671', '+14155552672', false],
  ['last_used', 'last_used', true],
])('knows whether %s and %s are one phone number: %s', (one, other, same) => {
  expect(isSamePhone(one, other)).toBe(same)
})

/** Ways to write one mailbox. */
const name = fc.stringMatching(/^[a-z0-9]{1,6}(?:[.+-][a-z0-9]{1,4})?$/)
const domain = fc.constantFrom('example.com', 'bücher.example', 'пример.рф', 'mail.example.org')
const casing = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.replace(/^./, (first) => first.toUpperCase()),
)
const wrapping = fc.constantFrom<(address: string) => string>(
  (address) => address,
  (address) => `<${address}>`,
  (address) => ` ${address} `,
  (address) => `Somebody Else <${address}>`,
  (address) => `"Else, Somebody" <${address}>`,
  (address) => `mailto:${address}`,
  (address) => `MAILTO:${address}?subject=bob@example.com`,
  (address) => `${address} (bob@example.com, home)`,
  (address) => `Friends: ${address};`,
)

it('any spelling of an address finds the same person, and no other', () => {
  fc.assert(
    fc.property(name, domain, name, domain, casing, wrapping, (one, at, two, there, cased, wrapped) => {
      const spelt = key('email', wrapped(cased(`${one}@${at}`)))
      expect(spelt).toBe(key('email', `${one}@${at}`))
      const isSame = one === two && at === there
      expect(spelt === key('email', `${two}@${there}`)).toBe(isSame)
    }),
  )
})

it('any spelling of an id that Customer.io takes for the same finds the same person, and no other spelling does', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (number) => {
      expect(key('id', number)).toBe(key('id', String(number)))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }), (a, b) => {
      expect(key('id', a) === key('id', b)).toBe(a === b)
      expect(key('id', a)).not.toBe(key('cio_id', a))
    }),
  )
})

it('any spelling of a phone number with its country code finds the same number, and no other', () => {
  const digits = fc.stringMatching(/^[1-9]\d{6,14}$/)
  const separator = fc.constantFrom('', ' ', '-', '.', '/', ' (', ')')
  fc.assert(
    fc.property(digits, digits, separator, fc.constantFrom('+', '00', 'tel:+'), (one, other, between, prefix) => {
      const spelt = prefix + Array.from(one).join(between)
      expect(phoneOf(spelt)).toBe(`+${one}`)
      expect(key('phone', spelt) === key('phone', `+${other}`)).toBe(one === other)
    }),
  )
})
