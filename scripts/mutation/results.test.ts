import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MutantResult } from '@stryker-mutator/api/core'
import { FOLDERS } from './folders.ts'
import { changeOf, describeResults, type Result, readResult, resultOf, scoreOf } from './results.ts'

const SOURCE = 'const a = 1\nif (a > 0 &&\n  b) return true\n'
const RUN = { date: '2026-11-26', commit: 'abc1234' }

function mutant(status: MutantResult['status'], replacement = 'false'): MutantResult {
  const location = { start: { line: 2, column: 5 }, end: { line: 3, column: 4 } }
  return { id: '1', fileName: '/project/shared/rate/a.ts', mutatorName: 'any', status, replacement, location }
}

const resultWith = (mutants: readonly MutantResult[], earlier?: Result) =>
  resultOf('/project/shared/rate', mutants, () => SOURCE, earlier, RUN)

it('shows what a mutant changes, in one line', () => {
  expect(changeOf(mutant('Survived'), SOURCE)).toEqual({
    code: 'if (a > 0 && b) return true',
    becomes: 'if (false) return true',
  })
})

it('counts what a test has noticed, and not what was left out or could not be run', () => {
  const statuses = ['Killed', 'Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored', 'RuntimeError'] as const
  const result = resultWith(statuses.map((status) => mutant(status)))
  expect(result).toMatchObject({ ...RUN, mutants: 5, killed: 2, timedOut: 1 })
  expect(result.survivors).toHaveLength(2)
  expect(scoreOf(result)).toBe(60)
})

it('keeps the reasons of an earlier result, for the very same change alone', () => {
  const { survivors, ...earlier } = resultWith([mutant('Survived')])
  const explained = { ...earlier, survivors: survivors.map((survivor) => ({ ...survivor, reason: 'no difference' })) }
  const again = resultWith([mutant('Survived'), mutant('Survived', 'true')], explained)
  expect(again.survivors.map(({ reason }) => reason)).toEqual(['no difference', undefined])
})

describe('the results that are kept', () => {
  const results = Object.keys(FOLDERS).flatMap((folder) => readResult(folder) ?? [])

  it('are there of every folder', () => {
    expect(results).toHaveLength(Object.keys(FOLDERS).length)
  })

  it('are what results.md tells', () => {
    expect(readFileSync(join(import.meta.dirname, 'results.md'), 'utf8')).toBe(describeResults())
  })

  it('are of a commit, at least 90 %, and explain each survivor', () => {
    for (const result of results) {
      expect(result.commit).toMatch(/^[0-9a-f]+$/)
      expect(scoreOf(result)).toBeGreaterThanOrEqual(90)
      expect(result.survivors.filter(({ reason }) => reason === undefined)).toEqual([])
    }
  })
})
