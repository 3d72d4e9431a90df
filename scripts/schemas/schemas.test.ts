import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// Comes with functions-framework: a second reader of the files, which knows nothing of zod.
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { identifyMessages, trackMessages, transactionalMessages } from './arbitrary-messages.ts'
import { run, SCHEMA_FOLDER, staleFiles } from './schemas.ts'

function validator(topic: string) {
  const schema: object = JSON.parse(readFileSync(join(SCHEMA_FOLDER, `${topic}.schema.json`), 'utf8'))
  return new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
}

it('are committed as the contract says now (else: npm run schemas)', () => {
  expect(staleFiles(SCHEMA_FOLDER)).toEqual([])
})

it('are written when missing, found stale when changed, and current again when written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schemas-'))
  const said: string[] = []
  const say = (line: string) => said.push(line)
  try {
    expect(run(join(folder, 'new'), false, say)).toBe(0)
    expect(run(join(folder, 'new'), true, say)).toBe(0)
    writeFileSync(join(folder, 'new', 'track.schema.json'), '{}')
    expect(run(join(folder, 'new'), true, say)).toBe(1)
    expect(readFileSync(join(folder, 'new', 'track.schema.json'), 'utf8')).toBe('{}')
  } finally {
    rmSync(folder, { recursive: true })
  }
  expect(said).toEqual([
    'written: identify.schema.json, track.schema.json, transactional.schema.json',
    'JSON Schema files are current',
    'not current: track.schema.json: run npm run schemas',
  ])
})

describe.each([
  ['identify', identifyMessages],
  ['track', trackMessages],
  ['transactional', transactionalMessages],
] as const)('the JSON Schema of %s', (topic, messages) => {
  const validate = validator(topic)

  it('takes every message that the contract takes', () => {
    fc.assert(
      fc.property(messages, (message) => {
        validate(message)
        expect(validate.errors ?? []).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a field that is not in the contract', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(validate({ ...message, is_new: 1 })).toBe(false)
      }),
    )
  })
})

it.each<[string, string, unknown]>([
  ['nobody', 'identify', { attributes: {} }],
  ['two identifiers', 'identify', { identifiers: { id: '1', email: 'a@example.com' } }],
  ['a long id', 'identify', { identifiers: { id: 'x'.repeat(151) } }],
  ['milliseconds', 'identify', { identifiers: { id: '1' }, timestamp: 1_763_740_000_000 }],
  ['an event', 'identify', { action: 'event', identifiers: { id: '1' }, name: 'x' }],
  ['an event without a name', 'track', { identifiers: { id: '1' } }],
  ['an id that is no ULID', 'track', { identifiers: { id: '1' }, name: 'x', id: 'order-1' }],
  ['an unknown channel', 'transactional', { channel: 'fax', identifiers: { id: '1' } }],
  ['a push without a template', 'transactional', { channel: 'push', identifiers: { id: '1' } }],
])('refuse %s on %s', (_what, topic, message) => {
  expect(validator(topic)(message)).toBe(false)
})
