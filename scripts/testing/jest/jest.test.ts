import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import NodeEnvironment from './environment.ts'
import NodeRuntime from './runtime.ts'
import { LONGEST, longestFirst } from './sequencer.ts'

/** Whichever of two such suites runs second finds nothing of the other. */
const KEPT_APART = `
  it('finds nothing of another suite', async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([process.env.LEFT_BEHIND, typeof fetch]).toEqual([undefined, 'function'])
  })
  afterAll(() => {
    process.env.LEFT_BEHIND = 'yes'
    globalThis.fetch = undefined
    jest.setTimeout(10)
  })`

/** Suites that one worker runs, each with what its failure says. */
const SUITES: Record<string, { readonly code: string; readonly fails?: string }> = {
  a_changes: { code: KEPT_APART },
  b_changes: { code: KEPT_APART },
  c_does_not_load: { code: `import './missing.ts'; it('passes', () => {})`, fails: 'Cannot find module' },
  d_has_no_tests: { code: 'export {}', fails: 'must contain at least one test' },
  e_throws_in_a_hook: { code: `beforeAll(() => { throw new Error('hook') }); it('passes', () => {})`, fails: 'hook' },
  f_throws_at_the_end: { code: `afterAll(() => { throw new Error('end') }); it('passes', () => {})`, fails: 'end' },
  g_hangs: { code: `it('hangs', () => new Promise(() => {}))`, fails: 'Exceeded timeout of 500 ms' },
  h_rejects_unheard: {
    code: `it('waits', async () => {
      Promise.reject(new Error('unheard'))
      await new Promise((resolve) => setTimeout(resolve, 50))
    })`,
    fails: 'unheard',
  },
  i_throws_later: {
    code: `it('waits', async () => {
      setTimeout(() => { throw new Error('later') })
      await new Promise((resolve) => setTimeout(resolve, 50))
    })`,
    fails: 'later',
  },
  j_asserts_too_little: { code: `it('asserts nothing', () => expect.assertions(1))`, fails: 'expect.assertions' },
}

const Run = z.object({
  numPassedTests: z.number(),
  testResults: z.array(z.object({ name: z.string(), status: z.string(), message: z.string() })),
})

const folder = mkdtempSync(join(tmpdir(), 'jest-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('fails what does not load, hangs, or throws outside of its tests, and keeps suites apart', () => {
  for (const [name, { code }] of Object.entries(SUITES)) writeFileSync(join(folder, `${name}.test.mjs`), code)
  const here = (file: string) => join(import.meta.dirname, file)
  const config = {
    rootDir: folder,
    testMatch: ['**/*.test.mjs'],
    testEnvironment: here('environment.ts'),
    runtime: here('runtime.ts'),
    transform: {},
    testTimeout: 500,
  }
  const { status, stdout } = spawnSync(
    process.execPath,
    ['node_modules/jest/bin/jest.js', '--json', '--runInBand', `--config=${JSON.stringify(config)}`],
    { cwd: PROJECT_ROOT, encoding: 'utf8' },
  )
  expect(status).toBe(1)
  const run = Run.parse(JSON.parse(stdout))
  const messages = new Map(run.testResults.map(({ name, message }) => [name, message]))
  for (const [name, { fails }] of Object.entries(SUITES)) {
    const message = messages.get(join(folder, `${name}.test.mjs`))
    if (fails === undefined) expect([name, message]).toEqual([name, ''])
    else expect([name, message]).toEqual([name, expect.stringContaining(fails)])
  }
})

it('puts the globals, the variables and the directory back that a suite has changed', async () => {
  const state = () => ({ fetch, exit: process.exit, env: { ...process.env }, directory: process.cwd() })
  const before = state()
  const environment = new NodeEnvironment()
  globalThis.fetch = () => Promise.reject(new Error('replaced'))
  process.exit = () => {
    throw new Error('replaced')
  }
  process.env.ADDED_BY_A_SUITE = 'yes'
  delete process.env.PATH
  process.chdir('/')
  await environment.teardown()
  expect(state()).toEqual(before)
})

it('runs no suite twice in a process, as watching would: it would not see what has changed', async () => {
  const suite = join(folder, 'watched.mjs')
  writeFileSync(suite, '')
  const runtime = new NodeRuntime({ rootDir: folder }, {}, {}, {}, {}, { collectCoverageFrom: [] })
  await runtime.unstable_importModule(suite)
  await expect(runtime.unstable_importModule(suite)).rejects.toThrow('watched.mjs has run in this process')
})

it('starts the longest suites first, the longest of them first of all', () => {
  expect(LONGEST.filter((path) => !existsSync(join(PROJECT_ROOT, path)))).toEqual([])
  const [longest = '', second = ''] = LONGEST
  const tests = ['b.test.ts', second, 'a.test.ts', longest].map((path) => ({ path: join(PROJECT_ROOT, path) }))
  expect(longestFirst(tests)).toEqual([tests[3], tests[1], tests[0], tests[2]])
})
