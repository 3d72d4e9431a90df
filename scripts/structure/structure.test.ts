import { PROJECT_ROOT } from '../topology/topology.ts'
import { circles, exportsOf, type Import, importsOf, readSources } from './imports.ts'

/** Rules for imports that hold in the whole project: shared/README.md. */

const sources = readSources(PROJECT_ROOT)
const imports = new Map([...sources].map(([file, text]) => [file, importsOf(file, text)]))

/** `shared/clock` of `shared/clock/index.ts`. */
const concernOf = (file: string) => file.match(/^shared\/[^/]+(?=\/)/)?.[0]
const isTest = (file: string) => file.endsWith('.test.ts') || /\/(testing|simulation)\/|\/testing\.ts$/.test(file)

/** Every import of one file from another part of the project, with what is wrong about it. */
function offences(isWrong: (file: string, target: string) => boolean): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets.filter(({ target }) => isWrong(file, target)).map(({ target }) => `${file} -> ${target}`),
  )
}

it('there is no circle between files, types included', () => {
  const graph = new Map([...imports].map(([file, targets]) => [file, targets.map(({ target }) => target)]))
  expect(circles(graph)).toEqual([])
})

it('a concern of shared is imported through its index only', () => {
  // The package's entry points take single files, so that an entry loads no more than it offers; baselines stand in for one.
  const mayTakeFiles = (file: string) => /^scripts\/(package\/entries|bench\/baselines)\//.test(file)
  const bypasses = (file: string, target: string) => {
    const concern = concernOf(target)
    if (concern === undefined || concern === concernOf(file)) return false
    return target !== `${concern}/index.ts` && !target.startsWith(`${concern}/testing/`) && !mayTakeFiles(file)
  }
  expect(offences(bypasses)).toEqual([])
})

it('imports go one way: scripts to functions and shared, functions to shared', () => {
  const isProduct = (file: string) => !isTest(file) && /^(functions|shared)\//.test(file)
  const againstTheWay = (file: string, target: string) =>
    (isProduct(file) && /^(scripts|terraform)\//.test(target)) ||
    (isProduct(file) && file.startsWith('shared/') && target.startsWith('functions/'))
  expect(offences(againstTheWay)).toEqual([])
})

it('a function imports no other function', () => {
  const functionOf = (file: string) => file.match(/^functions\/[^/]+(?=\/)/)?.[0]
  const intrudes = (file: string, target: string) => {
    const [from, to] = [functionOf(file), functionOf(target)]
    return from !== undefined && to !== undefined && from !== to
  }
  expect(offences(intrudes)).toEqual([])
})

it('the emulators import nothing of the product', () => {
  const knowsUs = (file: string, target: string) =>
    file.startsWith('scripts/emulators/') && !isTest(file) && !target.startsWith('scripts/emulators/')
  expect(offences(knowsUs)).toEqual([])
})

it('what suites share sets up nothing by being loaded: a worker loads it once for all its suites', () => {
  const hooks = /^(?:before|after)(?:All|Each)\(/m
  expect(
    [...sources].flatMap(([file, text]) => (!file.endsWith('.test.ts') && hooks.test(text) ? [file] : [])),
  ).toEqual([])
})

it('product code imports nothing that is for tests', () => {
  const forTests = (file: string, target: string) =>
    /^(functions|shared)\//.test(file) && !isTest(file) && isTest(target)
  expect(offences(forTests)).toEqual([])
})

it('what an index of shared exports is used by somebody outside', () => {
  const unused: string[] = []
  for (const [index, text] of sources) {
    const concern = concernOf(index)
    if (index !== `${concern}/index.ts`) continue
    for (const name of exportsOf(text)) if (!isUsedOutside(index, name)) unused.push(`${index}: ${name}`)
  }
  expect(unused).toEqual([])
})

function isUsedOutside(index: string, name: string): boolean {
  const takes =
    (file: string) =>
    ({ names, target }: Import) =>
      target === index &&
      (names === 'all' ? new RegExp(`\\b${name}\\b`).test(sources.get(file) ?? '') : names.includes(name))
  return [...imports].some(([file, targets]) => concernOf(file) !== concernOf(index) && targets.some(takes(file)))
}

describe('the reader of imports', () => {
  const read = (text: string) => importsOf('shared/a/x.ts', text)

  it.each([
    ["import { b, type C } from '../b/index.ts'", 'shared/b/index.ts', ['b', 'C']],
    ["import type { C } from '../b/index.ts'", 'shared/b/index.ts', ['C']],
    ["import {\n  b as d,\n  type C,\n} from './b.ts'", 'shared/a/b.ts', ['b', 'C']],
    ["export { b } from './b.ts'", 'shared/a/b.ts', ['b']],
    ["import * as b from './b.ts'", 'shared/a/b.ts', 'all'],
    ["import './b.ts'", 'shared/a/b.ts', 'all'],
    ["const { b } = await import('./b.ts')", 'shared/a/b.ts', 'all'],
  ])('sees %j', (text, target, names) => {
    expect(read(text)).toEqual([{ target, names }])
  })

  it('leaves packages alone', () => {
    expect(read("import * as z from 'zod'\nimport { once } from 'node:events'\n")).toEqual([])
  })

  it('lists what a file exports', () => {
    const text = `export { a, type B } from './a.ts'\nexport type { C as D } from './c.ts'\nexport const e = 1
export async function f() {}\nexport class G {}\nexport interface H {}\nexport type I = H\n`
    expect(exportsOf(text)).toEqual(['a', 'B', 'D', 'e', 'f', 'G', 'H', 'I'])
  })

  it('finds circles, and no more than circles', () => {
    const graph = new Map(Object.entries({ a: ['b'], b: ['c'], c: ['a', 'd'], d: ['e'], e: ['d'], f: ['a'], g: [] }))
    expect(circles(graph)).toEqual([
      ['d', 'e'],
      ['a', 'b', 'c'],
    ])
  })
})
