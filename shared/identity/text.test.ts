import { type IdentifierKind, identifierOf } from './identifier.ts'
import { mayName } from './text.ts'

const may = (text: string, kind: IdentifierKind, name: string) => {
  const identifier = identifierOf(kind, name)
  return identifier !== undefined && mayName(text, [identifier])
}

it.each<[boolean, string, IdentifierKind, string]>([
  [true, '{"to": "Ann@X.com", oops', 'email', 'ann@x.com'],
  [false, '{"to": "joann@x.com", oops', 'email', 'ann@x.com'],
  [false, '{"to": "ann@x.com.au", oops', 'email', 'ann@x.com'],
  [true, 'Write to ann@x.com.', 'email', 'ann@x.com'],
  [true, 'ann@x.com wrote', 'email', 'ann@x.com'],
  [true, '{"id":5,"note":', 'id', '5'],
  [false, '{"id":15,"note":', 'id', '5'],
  [false, '{"total":5.5', 'id', '5'],
  [true, String.raw`{"body":"{\"id\":\"ada\"}"`, 'id', 'ada'],
  [false, '{"id":"Ada"', 'id', 'ada'],
  [true, String.raw`{"email":"\u0061nn@x.com"`, 'email', 'ann@x.com'],
  [true, 'tel +14155552671', 'phone', '+1 415 555 2671'],
  [true, 'tel 555 EXT 7', 'phone', '555 Ext 7'],
  [true, `${'{"a":'.repeat(5_000)}{"id":"deep"`, 'id', 'deep'],
])('says %s for %j and the %s %s', (expected, text, kind, name) => {
  expect(may(text, kind, name)).toBe(expected)
})

it('is told by any one of the names, and by none when there are none', () => {
  const names = ['u1', 'u2'].flatMap((id) => identifierOf('id', id) ?? [])
  expect(mayName('{"id":"u2"', names)).toBe(true)
  expect(mayName('{"id":"u3"', names)).toBe(false)
  expect(mayName('{"id":"u1"', [])).toBe(false)
})

it('searches ten megabytes within the time of a test, whatever is in them', () => {
  for (const piece of ['@', '<', '"', 'a', '\\u0041', '\\']) {
    expect(may(piece.repeat(10_000_000 / piece.length), 'email', 'ann@example.com')).toBe(false)
  }
})
