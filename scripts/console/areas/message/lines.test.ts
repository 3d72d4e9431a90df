import { linesOf } from './lines.ts'

const shown = (...args: Parameters<typeof linesOf>) =>
  linesOf(...args).map(({ depth, key, text, problems }) =>
    [`${'  '.repeat(depth)}${key === undefined ? '' : `${key}: `}${text}`, ...problems].join('  # '),
  )

it('shows a document as JSON does, with each problem at its field', () => {
  const document = { identifiers: { id: 'ada' }, list: [1, { 'a b': null }], empty: {}, none: [] }
  const problems = [
    { field: 'identifiers.id', rule: 'first' },
    { field: 'identifiers.id', rule: 'second' },
    { field: 'list[1]["a b"]', rule: 'third' },
    { field: 'name', rule: 'required' },
    { field: 'message', rule: 'of the whole' },
  ]
  expect(shown(document, problems)).toEqual([
    '{  # of the whole  # name: required',
    '  "identifiers": {',
    '    "id": "ada"  # first  # second',
    '  },',
    '  "list": [',
    '    1,',
    '    {',
    '      "a b": null  # third',
    '    }',
    '  ],',
    '  "empty": {},',
    '  "none": []',
    '}',
  ])
  const lines = linesOf(document, []).map(({ key, text }) => `${key === undefined ? '' : `${key}:`}${text}`)
  expect(JSON.parse(lines.join(''))).toEqual(document)
})

it.each([null, 1, 'text', [], {}])('shows %j', (document) => {
  expect(shown(document, [])).toEqual([JSON.stringify(document)])
})

it('stops where nobody reads on', () => {
  const lines = shown({ list: Array.from({ length: 100_000 }, () => 1), long: 'x'.repeat(1e6) }, [])
  expect(lines.length).toBeLessThan(2_010)
  expect(lines.at(-1)).toBe('…')
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  expect(shown(deep, [{ field: 'message', rule: 'nested too deeply' }]).map((line) => line.trim())).toEqual([
    '[  # nested too deeply',
    ...Array.from({ length: 99 }, () => '['),
    '[…]',
    ...Array.from({ length: 100 }, () => ']'),
  ])
  expect(shown('x'.repeat(1e6), [])[0]?.length).toBeLessThan(2_010)
})
