import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { placeOf } from './place.ts'

const folder = mkdtempSync(join(tmpdir(), 'place-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('tells the place in the source, from the map beside the bundle', () => {
  const source =
    "export type A = string\n\nexport function thrower(): never {\n  throw new TypeError('ada@example.com')\n}\n"
  const entry = join(folder, 'functions/webhook/listeners.ts')
  buildSync({
    ...{ stdin: { contents: source, sourcefile: entry, loader: 'ts' }, outfile: join(folder, 'dist/index.mjs') },
    ...{ bundle: true, format: 'esm', minifyWhitespace: true, sourcemap: 'linked' },
  })
  const bundle = join(folder, 'dist/index.mjs')
  const error = new TypeError('ada@example.com')
  const column = 'function thrower(){'.length + 1
  error.stack = `TypeError: ada@example.com\n    at thrower (${pathToFileURL(bundle)}:1:${column})\n    at node:internal/x:1:1`
  expect(placeOf(error)).toBe('functions/webhook/listeners.ts:4:3')
  // The map is not read again for a listener that throws at every message.
  rmSync(`${bundle}.map`)
  expect(placeOf(error)).toBe('functions/webhook/listeners.ts:4:3')
})

it('tells no place that only the words of an error name', () => {
  const words = 'no\n    at ada (/functions/secret/ada.ts:1:2)'
  const error = new Error(words)
  error.stack = `Error: ${words}\n    at f (/elsewhere/x.js:1:2)`
  expect(placeOf(error)).toBeUndefined()
  const changed = new Error(words)
  changed.stack = `Error: ${words}\n    at g (/app/shared/webhooks/listeners.ts:1:2)`
  changed.message = 'something else'
  expect(placeOf(changed)).toBeUndefined()
})

it('skips what is not ours, and knows sources that run as they are', () => {
  const error = new Error('no')
  error.stack =
    'Error: no\n    at a (/x/node_modules/shared/lib.js:1:2)\n    at b (file:///app/shared/webhooks/listeners.ts:7:9)\n    at c (/y/functions/z.ts:1:1)'
  expect(placeOf(error)).toBe('shared/webhooks/listeners.ts:7:9')
})

it.each(['ada', undefined, Object.assign(new Error('no'), { stack: undefined })])('tells nothing of %s', (thrown) => {
  expect(placeOf(thrown)).toBeUndefined()
})
