import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contentHash, MappingError, parseMapping, readMapping, toAttributes } from './mapping.ts'
import { MAPPING_YAML } from './testing/people.ts'

function problemsOf(text: string): readonly string[] {
  try {
    parseMapping(text)
  } catch (error) {
    if (error instanceof MappingError) return error.problems
    throw error
  }
  return []
}

describe('a mapping', () => {
  it('is read from YAML or JSON, with defaults for id and email', () => {
    const mapping = parseMapping(MAPPING_YAML)
    expect(mapping).toMatchObject({ table: 'public.users', id: 'id', email: 'email' })
    expect(mapping.columns[0]).toEqual({ attribute: 'first_name', column: 'given_name', type: 'string' })
    expect(mapping.columns[1]).toEqual({ attribute: 'plan', column: 'plan', type: 'string' })
    const json = JSON.stringify({
      table: 'u',
      id: 'key',
      email: null,
      never: [],
      attributes: { plan: { type: 'string' } },
    })
    expect(parseMapping(json)).toEqual({
      table: 'u',
      id: 'key',
      email: undefined,
      columns: [{ attribute: 'plan', column: 'plan', type: 'string' }],
    })
  })

  it('is read from a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'mapping-'))
    const path = join(directory, 'mapping.yaml')
    writeFileSync(path, MAPPING_YAML)
    expect(readMapping(path).table).toBe('public.users')
    rmSync(directory, { recursive: true })
  })

  it('is shown by an example that is valid', () => {
    expect(readMapping(join(import.meta.dirname, 'example-mapping.yaml')).columns).toHaveLength(6)
  })

  it('that names a denied column anywhere is refused, in any case of its letters, with all places', () => {
    const text =
      'table: u\nid: ssn\nemail: SSN\nnever: [Ssn]\nattributes: {a: {column: sSn, type: string}, ssn: string}'
    expect(problemsOf(text)).toEqual([
      'id: column ssn is on the list never',
      'email: column SSN is on the list never',
      'attributes.a: column sSn is on the list never',
      'attributes.ssn: column ssn is on the list never',
    ])
  })

  it.each([
    'unsubscribed',
    'transactional_opt_in',
    'cio_subscription_preferences',
    'cio_subscription_preferences.topics.topic_1',
  ])('that writes %s is refused: it belongs to the preferences', (attribute) => {
    expect(problemsOf(`{table: u, never: [], attributes: {${attribute}: boolean}}`)).toHaveLength(1)
  })

  it.each([
    ['an identifier as an attribute', '{table: u, never: [], attributes: {email: string}}', 'attributes.email'],
    ['an unknown type', '{table: u, never: [], attributes: {a: date}}', 'attributes.a'],
    ['an unknown key', '{table: u, never: [], attributes: {}, tabel: x}', 'file'],
    ['no list of denied columns', '{table: u, attributes: {}}', 'never'],
    ['a table of three parts', '{table: a.b.c, never: [], attributes: {}}', 'table'],
    ['what is no YAML', '{', 'not YAML'],
    ['nothing', '', 'file'],
  ])('with %s is refused', (_, text, start) => {
    expect(problemsOf(text)[0]).toMatch(new RegExp(`^${start}`))
  })
})

describe('the attributes of a row', () => {
  const mapping = parseMapping(
    '{table: u, never: [], attributes: {s: string, n: number, b: boolean, t: timestamp, j: json}}',
  )

  it('have the types of the mapping, and a null for what is missing', () => {
    expect(toAttributes(mapping, null, { s: 7, n: '12.50', b: true, t: '1767323045.9', j: { a: [1] } })).toEqual({
      email: null,
      s: '7',
      n: 12.5,
      b: true,
      t: 1_767_323_045,
      j: { a: [1] },
    })
    expect(toAttributes(mapping, 'a@example.com', { other: 'x' })).toEqual({
      email: 'a@example.com',
      s: null,
      n: null,
      b: null,
      t: null,
      j: null,
    })
  })

  it.each([
    ['n', 'NaN'],
    ['n', ''],
    ['n', 'secret'],
    ['b', 't'],
    ['t', 'infinity'],
  ])('refuse in %s the value "%s", which they do not name', (attribute, value) => {
    expect(() => toAttributes(mapping, null, { [attribute]: value })).toThrow(
      new RegExp(`^the value for attribute ${attribute} is no (number|boolean|timestamp)$`),
    )
  })

  it('have the same hash whatever the order of keys, and another for another content', () => {
    expect(contentHash({ a: 1, b: { c: [1, { d: 2, e: null }] } })).toBe(
      contentHash({ b: { c: [1, { e: null, d: 2 }] }, a: 1 }),
    )
    expect(contentHash({ a: [1, 2] })).not.toBe(contentHash({ a: [2, 1] }))
    expect(contentHash({ a: null })).not.toBe(contentHash({}))
  })
})
