import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { InstrumenterContext, StrykerOptions } from '@stryker-mutator/api/core'
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner'
import fc from 'fast-check'
import { z } from 'zod'
import { Reload } from './reload.ts'
import { installJest, OUT_OF_TIME, runSuite, type TestRun } from './suite.ts'

/** How long a test may take without a mutant, on a machine that does other work too. */
const USUAL_PATIENCE_MS = 60_000
/** How long it may take with one: this, and so many times as long as without. Time is virtual: it ends at once or never. */
const PATIENCE_MS = 4_000
const PATIENCE_FACTOR = 10
/** How long each test took without a mutant, for the other processes that run tests: in the working directory. */
const USUAL_TIMES = 'usual-times.json'
const Times = z.record(z.string(), z.number())
/** How long a property draws values. */
const PROPERTY_MS = 300

/** The suites, relative to the working directory, and which of their tests are left out. */
const Options = z.object({ suites: z.array(z.string()), leftOut: z.array(z.string()) })

/**
 * Runs suites of Jest for Stryker in this process. A mutant takes milliseconds: packages are loaded once, and for each mutant only
 * the modules that have to do with the mutated ones.
 */
export class SuiteRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options)
  readonly #suites: readonly string[]
  readonly #leftOut: readonly RegExp[]
  readonly #reload: Reload
  /** Through which the instrumented code learns which mutant is active, and tells which ones a test reaches. */
  readonly #stryker: InstrumenterContext = {}
  #usualMs: Readonly<Record<string, number>> | undefined

  constructor(options: StrykerOptions) {
    const { suites, leftOut } = Options.parse(options)
    this.#suites = suites
    this.#leftOut = leftOut.map((pattern) => new RegExp(pattern))
    this.#reload = new Reload(process.cwd())
  }

  async init(): Promise<void> {
    Reflect.set(globalThis, '__stryker__', this.#stryker)
    process.env.METADATA_SERVER_DETECTION = 'none'
    // The values of `npm test`. That one fails is enough: the smallest is not looked for.
    fc.configureGlobal({ seed: 1, endOnFailure: true, interruptAfterTimeLimit: PROPERTY_MS })
    installJest()
    // Stryker was killed: what a mutant keeps busy would run forever.
    process.once('disconnect', () => process.exit())
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  async dryRun(): Promise<DryRunResult> {
    const tests: TestResult[] = []
    for (const suite of this.#suites) {
      this.#reload.next()
      const ran = await runSuite(resolve(suite), {
        isSelected: (name, isSlow) => this.#isFast(suite, name, isSlow),
        timeoutMs: () => USUAL_PATIENCE_MS,
        onTest: (name) => Object.assign(this.#stryker, { currentTestId: idOf(suite, name) }),
      })
      delete this.#stryker.currentTestId
      tests.push(...ran.map((test) => resultOf(suite, test)))
    }
    writeFileSync(
      USUAL_TIMES,
      JSON.stringify(Object.fromEntries(tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]))),
    )
    return { status: DryRunStatus.Complete, tests }
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, testFilter, mutantActivation, hitLimit } = options
    const selected = testFilter === undefined ? undefined : new Set(testFilter)
    const tests: TestResult[] = []
    this.#usualMs ??= existsSync(USUAL_TIMES) ? Times.parse(JSON.parse(readFileSync(USUAL_TIMES, 'utf8'))) : {}
    const usualMs = this.#usualMs
    this.#reload.next()
    Object.assign(this.#stryker, { hitCount: hitLimit === undefined ? undefined : 0, hitLimit })
    for (const suite of this.#cheapestFirst(testFilter, usualMs)) {
      this.#stryker.activeMutant = mutantActivation === 'static' ? activeMutant.id : 'none'
      const ran = await runSuite(resolve(suite), {
        isSelected: (name, isSlow) => selected?.has(idOf(suite, name)) ?? this.#isFast(suite, name, isSlow),
        isBailing: true,
        timeoutMs: (name) => PATIENCE_MS + PATIENCE_FACTOR * (usualMs[idOf(suite, name)] ?? 0),
        onLoaded: () => Object.assign(this.#stryker, { activeMutant: activeMutant.id }),
      }).catch((error: unknown): TestRun[] => [{ name: 'does not load', ms: 0, failure: String(error) }])
      this.#stryker.activeMutant = 'none'
      tests.push(...ran.map((test) => resultOf(suite, test)))
      if (tests.some(({ status }) => status === TestStatus.Failed)) break
    }
    const tooOften = determineHitLimitReached(this.#stryker.hitCount, hitLimit)
    const isOutOfTime = tests.some((test) => 'failureMessage' in test && test.failureMessage.includes(OUT_OF_TIME))
    const tooLong: DryRunResult | undefined = isOutOfTime ? { status: DryRunStatus.Timeout } : undefined
    return toMutantRunResult(tooOften ?? tooLong ?? { status: DryRunStatus.Complete, tests })
  }

  /** The suites that have any of these tests, or all, so that most mutants cost a cheap one. */
  #cheapestFirst(tests: readonly string[] | undefined, usualMs: Readonly<Record<string, number>>): readonly string[] {
    const ids = tests ?? Object.keys(usualMs)
    const costs = this.#suites.map((suite) => {
      const own = ids.filter((id) => id.startsWith(idOf(suite, '')))
      return { suite, tests: own.length, ms: own.reduce((sum, id) => sum + (usualMs[id] ?? 0), 0) }
    })
    const needed = tests === undefined ? costs : costs.filter((cost) => cost.tests > 0)
    return needed.toSorted((a, b) => a.ms - b.ms).map(({ suite }) => suite)
  }

  #isFast(suite: string, name: string, isSlow: boolean): boolean {
    return !isSlow && !this.#leftOut.some((pattern) => pattern.test(idOf(suite, name)))
  }
}

function idOf(suite: string, test: string): string {
  return `${suite} ${test}`
}

function resultOf(suite: string, { name, ms, failure }: TestRun): TestResult {
  const test = { id: idOf(suite, name), name, fileName: resolve(suite), timeSpentMs: ms }
  return failure === undefined
    ? { ...test, status: TestStatus.Success }
    : { ...test, status: TestStatus.Failed, failureMessage: failure }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'suites', SuiteRunner)]
/** Options of the plugin. */
const strings = { type: 'array', items: { type: 'string' } }
export const strykerValidationSchema = { properties: { suites: strings, leftOut: strings } }
