import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { MutantResult } from '@stryker-mutator/api/core'
import { Stryker } from '@stryker-mutator/core'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { FOLDERS, LEFT_OUT, sourcesOf, suitesOf } from './folders.ts'
import { changeOf, describeResults, type Result, readResult, resultOf, scoreOf, writeResult } from './results.ts'

const LEAST_SCORE = 90
/** What a result depends on. */
const MATTERS = ['functions', 'shared', 'scripts', ':!scripts/mutation/results', ':!scripts/mutation/results.md']
const HELP = `npm run mutation -- [--concurrency N] [FOLDER | FILE]…

Changes the code in one place after the other, and runs the tests that reach the place. A change that no test notices is a
survivor: a test is missing, or the code is not needed, or the change makes no difference.

  FOLDER  one of ${Object.keys(FOLDERS).join(', ')}; all of them by default.
          Its result replaces the last one in scripts/mutation/results, which keeps the reasons that were written there.
  FILE    one file of such a folder: prints the survivors and keeps nothing. With :FROM-TO, only these lines
  --concurrency  processes that run tests; as many as there are cores by default

Exit 1 when a folder has less than ${LEAST_SCORE} %, or a survivor without a reason.`

/** Runs the suites of a folder with each mutant of these files. */
async function mutate(folder: string, files: readonly string[], concurrency: number): Promise<MutantResult[]> {
  // Options of a plugin, which Stryker's type does not know.
  const suites: object = { suites: suitesOf(folder), leftOut: LEFT_OUT }
  const here = (file: string) => join(import.meta.dirname, file)
  return new Stryker({
    ...suites,
    mutate: [...files],
    testRunner: 'suites',
    plugins: [here('runner.ts'), here('texts.ts')],
    ignorers: ['texts'],
    coverageAnalysis: 'perTest',
    checkers: [],
    disableTypeChecks: false,
    concurrency,
    // The runner ends a test that takes too long. This is for one that gives it no chance to.
    timeoutMS: 8_000,
    timeoutFactor: 3,
    // Loading the modules for each mutant again costs memory.
    maxTestRunnerReuse: 300,
    tempDirName: '.local/mutation',
    // Without the last one, Stryker rewrites it by TypeScript's API, which TypeScript 7 has not.
    ignorePatterns: ['.local', 'coverage', 'dist', 'dist-test-*', '.github', 'tsconfig.json'],
    reporters: ['progress-append-only'],
    logLevel: 'warn' as never,
  }).runMutationTest()
}

function isFine(folder: string, result: Result): boolean {
  const unexplained = result.survivors.filter(({ reason }) => reason === undefined)
  console.log(
    `${folder}: ${scoreOf(result)} % of ${result.mutants} mutants, ${unexplained.length} unexplained survivors`,
  )
  return unexplained.length === 0 && scoreOf(result) >= LEAST_SCORE
}

/** Whether a file is, or is in, what a target names; it may end in a range of lines. */
function isBelow(file: string, target: string): boolean {
  return file.startsWith(`${target}/`) || file === target.replace(/:[\d:-]+$/, '')
}

function misused(problem: string): number {
  console.error(`${problem}\n\n${HELP}`)
  return 2
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      concurrency: { type: 'string', default: String(availableParallelism()) },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const targets = (positionals.length === 0 ? Object.keys(FOLDERS) : positionals).map((target) => {
    const path = relative(PROJECT_ROOT, target)
    return { path, folder: Object.keys(FOLDERS).find((folder) => path === folder || path.startsWith(`${folder}/`)) }
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  process.chdir(PROJECT_ROOT)
  const concurrency = Number(values.concurrency)
  if (!(concurrency >= 1)) return misused(`--concurrency: ${values.concurrency} is not a number of processes`)
  const unknown = targets.find(({ path, folder }) => {
    return folder === undefined || !sourcesOf(folder).some((file) => isBelow(file, path))
  })
  if (unknown !== undefined)
    return misused(`${unknown.path}: neither a folder whose score is kept nor a source file in one`)
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  let areFine = true
  for (const { path, folder = path } of targets) {
    const run = {
      date: new Date().toISOString().slice(0, 10),
      commit:
        git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', ...MATTERS) === '' ? '' : '-dirty'),
    }
    const sources = new Map(sourcesOf(folder).map((file) => [join(PROJECT_ROOT, file), readFileSync(file, 'utf8')]))
    const sourceOf = (file: string) => sources.get(file) ?? ''
    const mutants = await mutate(folder, path === folder ? sourcesOf(folder) : [path], concurrency)
    const result = resultOf(join(PROJECT_ROOT, folder), mutants, sourceOf, readResult(folder), run)
    for (const mutant of mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')) {
      const { code, becomes } = changeOf(mutant, sourceOf(mutant.fileName))
      console.log(
        `${relative(PROJECT_ROOT, mutant.fileName)}:${mutant.location.start.line} ${mutant.status}\n- ${code}\n+ ${becomes}`,
      )
    }
    areFine = isFine(folder, result) && areFine
    if (path === folder) writeResult(folder, result)
  }
  writeFileSync(join(import.meta.dirname, 'results.md'), describeResults())
  return areFine ? 0 : 1
}

process.exitCode = await main()
