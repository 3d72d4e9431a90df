import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Code as Stryker instruments it: each mutant behind a switch. */
const CODE = `
const active = (id) => globalThis.__stryker__.activeMutant === id
const cover = (...ids) => {
  const { mutantCoverage: all = { static: {}, perTest: {} }, currentTestId } = globalThis.__stryker__
  globalThis.__stryker__.mutantCoverage = all
  const covered = currentTestId === undefined ? all.static : (all.perTest[currentTestId] ??= {})
  for (const id of ids) covered[id] = (covered[id] ?? 0) + 1
}
export const LIMIT: number = active('static') ? 5 : (cover('static'), 2)
let calls = 0
export const call = (): number => (active('counts') ? (calls += 2) : (cover('counts'), ++calls))
export const isMuch = (n: number): boolean => (active('much') ? true : (cover('much'), n > LIMIT))`

const SUITE = `
import { call, isMuch } from './code.ts'
describe('code', () => {
  beforeAll(() => {})
  it('counts', () => expect(call()).toBe(1))
  it('is much', () => expect(isMuch(3)).toBe(true))
  it('is slow', () => expect(isMuch(0)).toBe(false), 9_000)
})`

/** Runs the suite without a mutant, and with each. In a process of its own: a runner takes the place of Jest. */
const MAIN = `
import { SuiteRunner } from '${join(import.meta.dirname, 'runner.ts')}'
const runner = new SuiteRunner({ suites: ['code.test.ts'], leftOut: [] })
await runner.init()
const { tests } = await runner.dryRun()
const coverage = structuredClone(globalThis.__stryker__.mutantCoverage)
const ids = tests.map(({ id }) => id)
const run = async (id, mutantActivation, testFilter) =>
  (await runner.mutantRun({ activeMutant: { id }, mutantActivation, testFilter })).status
const statuses = {
  counts: await run('counts', 'runtime', ['code.test.ts code counts']),
  'counts, by a test that does not look': await run('counts', 'runtime', ['code.test.ts code is much']),
  much: await run('much', 'runtime', ['code.test.ts code is much']),
  static: await run('static', 'static'),
  'nothing, after all of these': await run('nothing', 'static'),
}
console.log(JSON.stringify({ ids, coverage, statuses }))
process.exit()`

const folder = mkdtempSync(join(tmpdir(), 'mutation-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('runs the tests that reach a mutant, each time with modules that no other mutant has touched', () => {
  writeFileSync(join(folder, 'code.ts'), CODE)
  writeFileSync(join(folder, 'code.test.ts'), SUITE)
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', MAIN], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  expect(JSON.parse(printed)).toEqual({
    ids: ['code.test.ts code counts', 'code.test.ts code is much'],
    coverage: {
      static: { static: 1 },
      perTest: { 'code.test.ts code counts': { counts: 1 }, 'code.test.ts code is much': { much: 1 } },
    },
    statuses: {
      counts: 'killed',
      'counts, by a test that does not look': 'survived',
      much: 'survived',
      static: 'killed',
      'nothing, after all of these': 'survived',
    },
  })
})
