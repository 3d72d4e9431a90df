import { AsyncLocalStorage } from 'node:async_hooks'
import { pathToFileURL } from 'node:url'
import { expect } from 'expect'
import {
  addEventHandler,
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  type Event,
  getState,
  it,
  resetState,
  run,
  type State,
  test,
} from 'jest-circus'
import { ModuleMocker } from 'jest-mock'

/** What jest-circus says of a test that did not end in time. */
export const OUT_OF_TIME = 'Exceeded timeout'

/** What became of a test: its name within the suite, how long it took, and its failure. */
export type TestRun = { readonly name: string; readonly ms: number; readonly failure: string | undefined }

/** How to run a suite. */
export type SuiteRun = {
  /** Whether to run the test of this name, which has a timeout of its own if it is a slow one. */
  readonly isSelected: (name: string, isSlow: boolean) => boolean
  /** How long a test may take, in milliseconds, whatever the suite says. */
  readonly timeoutMs: (name: string) => number
  /** Ends the suite after its first failure. */
  readonly isBailing?: boolean
  /** Called when the suite is loaded, before its tests. */
  readonly onLoaded?: () => void
  /** Called before each test and its hooks. */
  readonly onTest?: (name: string) => void
}

type Block = State['rootDescribeBlock']
type Test = Extract<Event, { name: 'test_start' }>['test']

/** Which run some code belongs to, however late it runs: an error of one mutant is not the next one's. */
const runs = new AsyncLocalStorage<{ errors: unknown[] }>()
const keep = (error: unknown) => runs.getStore()?.errors.push(error)

/** Gives suites what they take from Jest. Once per process. */
export function installJest(): void {
  const jest = new ModuleMocker(globalThis)
  Object.assign(globalThis, { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest, test })
  process.on('unhandledRejection', keep)
  process.on('uncaughtException', keep)
}

/**
 * Runs the selected tests of a suite in this process. An error that nobody has caught is a failure of its own.
 *
 * @throws what the suite throws while it is loaded
 */
export async function runSuite(path: string, how: SuiteRun): Promise<TestRun[]> {
  const errors: unknown[] = []
  return runs.run({ errors }, async () => {
    resetState()
    await import(pathToFileURL(path).href)
    const root = getState().rootDescribeBlock
    select(root, how)
    how.onLoaded?.()
    handler = (event) => {
      if (event.name === 'test_start') how.onTest?.(nameOf(event.test))
      if (event.name === 'test_done' && how.isBailing && event.test.errors.length > 0) skip(root)
    }
    const { testResults, unhandledErrors } = await run().finally(() => {
      handler = undefined
    })
    const tests = testResults.flatMap(({ status, testPath, duration, errors: [failure] }) =>
      status === 'done' ? [{ name: testPath.slice(1).join(' '), ms: duration ?? 0, failure }] : [],
    )
    const [error] = [...unhandledErrors, ...errors]
    return error === undefined ? tests : [...tests, { name: 'outside of the tests', ms: 0, failure: String(error) }]
  })
}

let handler: ((event: Event) => void) | undefined
addEventHandler((event) => handler?.(event))

function nameOf(entry: Test | Block): string {
  const { parent } = entry
  return parent === undefined || parent.parent === undefined ? entry.name : `${nameOf(parent)} ${entry.name}`
}

/** Leaves out the tests that are not selected, and the hooks of the blocks without any. */
function select(block: Block, how: SuiteRun): boolean {
  let isSelected = false
  for (const child of block.children) {
    if (child.type === 'describeBlock') isSelected = select(child, how) || isSelected
    else if (!how.isSelected(nameOf(child), child.timeout !== undefined)) child.mode = 'skip'
    else {
      isSelected = true
      child.timeout = how.timeoutMs(nameOf(child))
    }
  }
  if (!isSelected) block.mode = 'skip'
  return isSelected
}

/** Leaves out the tests that have not started. */
function skip(block: Block): void {
  for (const child of block.children) {
    if (child.type === 'describeBlock') skip(child)
    else child.mode = 'skip'
  }
}
