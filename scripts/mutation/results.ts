import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { MutantResult } from '@stryker-mutator/api/core'
import { z } from 'zod'
import { FOLDERS } from './folders.ts'

/** A mutant that no test has told from the code, and why that is no fault. */
const Survivor = z.object({
  file: z.string(),
  code: z.string(),
  becomes: z.string(),
  /** Written by hand. Without one, a test is missing. */
  reason: z.string().optional(),
})
type Survivor = z.infer<typeof Survivor>

/** What the last run on a folder found. */
const Result = z.object({
  date: z.iso.date(),
  commit: z.string(),
  /** Without those that the tests were not run with: texts of errors. */
  mutants: z.int(),
  /** A test failed. */
  killed: z.int(),
  /** A test did not end. */
  timedOut: z.int(),
  survivors: z.array(Survivor),
})
export type Result = z.infer<typeof Result>

const pathOf = (folder: string) => join(import.meta.dirname, 'results', `${basename(folder)}.json`)

/** The last result of a folder, if there is one. */
export function readResult(folder: string): Result | undefined {
  const path = pathOf(folder)
  return existsSync(path) ? Result.parse(JSON.parse(readFileSync(path, 'utf8'))) : undefined
}

/** Keeps a result as the last one of the folder. */
export function writeResult(folder: string, result: Result): void {
  const path = pathOf(folder)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
}

/**
 * The result of a run, with the reasons that an earlier one gives for the same survivors.
 *
 * @param sourceOf the text of a mutated file
 */
export function resultOf(
  folder: string,
  mutants: readonly MutantResult[],
  sourceOf: (file: string) => string,
  earlier: Result | undefined,
  run: Pick<Result, 'date' | 'commit'>,
): Result {
  const count = (status: MutantResult['status']) => mutants.filter((mutant) => mutant.status === status).length
  const reasons = new Map(earlier?.survivors.map((survivor) => [keyOf(survivor), survivor.reason]))
  const survivors = mutants
    .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
    .map((mutant) => {
      const survivor = { file: relative(folder, mutant.fileName), ...changeOf(mutant, sourceOf(mutant.fileName)) }
      const reason = reasons.get(keyOf(survivor))
      return reason === undefined ? survivor : { ...survivor, reason }
    })
  const [killed, timedOut] = [count('Killed'), count('Timeout')]
  return { ...run, mutants: killed + timedOut + survivors.length, killed, timedOut, survivors }
}

/** The share of the mutants that a test has told from the code, in percent, rounded down to a tenth. */
export function scoreOf({ mutants, killed, timedOut }: Result): number {
  return Math.floor((1_000 * (killed + timedOut)) / Math.max(1, mutants)) / 10
}

/** The results of all folders, as the text of `results.md`. */
export function describeResults(): string {
  const results = Object.keys(FOLDERS).flatMap((folder) => {
    const result = readResult(folder)
    return result === undefined ? [] : [{ folder, result }]
  })
  const rows = results.map(
    ({ folder, result }) =>
      `| ${folder} | ${result.mutants} | ${result.killed} | ${result.timedOut} | ${result.survivors.length} | ${scoreOf(result)} % | ${result.date} | ${result.commit} |`,
  )
  const lists = results.flatMap(({ folder, result: { survivors } }) =>
    survivors.length === 0
      ? []
      : [
          `\n## ${folder}\n`,
          ...survivors.map(
            ({ file, code, becomes, reason }) =>
              `- ${file}: ${quote(code)} → ${quote(becomes)}\n  ${reason ?? 'Not explained.'}`,
          ),
        ],
  )
  return `${[
    '# Mutation scores\n',
    'Written by `npm run mutation`. The score is the share of the mutants that a test has killed, those that did not end included.',
    'Below the table is every mutant that survived, with the reason why it is no fault.\n',
    '| folder | mutants | killed | timed out | survived | score | date | commit |',
    '|---|---:|---:|---:|---:|---:|---|---|',
    ...rows,
    ...lists,
  ].join('\n')}\n`
}

const quote = (code: string) => `\`\` ${code} \`\``
const keyOf = ({ file, code, becomes }: Survivor) => JSON.stringify([file, code, becomes])

/** The lines that a mutant changes, before and after, each as one line. */
export function changeOf(
  { location: { start, end }, replacement }: Pick<MutantResult, 'location' | 'replacement'>,
  source: string,
): Pick<Survivor, 'code' | 'becomes'> {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const before = (lines[0] ?? '').slice(0, start.column - 1)
  const after = (lines.at(-1) ?? '').slice(end.column - 1)
  return { code: inOneLine(lines.join('\n')), becomes: inOneLine(`${before}${replacement ?? ''}${after}`) }
}

function inOneLine(code: string): string {
  const line = code.replace(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}
