/**
 * Writes the table of environment variables into shared/config/README.md, from the schemas of the configuration.
 *
 *   npm run settings              renews the table
 *   npm run settings -- --check   writes nothing; exits 1 when the table is not current
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FUNCTION_SCHEMAS, type SetBy, type Variable, variablesOf } from '../../shared/config/index.ts'
import { checkOption } from '../check/check-option.ts'
import { ELSEWHERE } from './elsewhere.ts'

export const README = join(import.meta.dirname, '../../shared/config/README.md')

const BEGIN = '<!-- variables: written by `npm run settings` -->'
const END = '<!-- end of variables -->'

/** One variable as some functions read it. A variable with two defaults has two rows. */
export interface Row extends Variable {
  readonly functions: readonly string[]
}

const WHO: Readonly<Record<SetBy, string>> = {
  Terraform: 'Terraform',
  'values.yaml': '`values.yaml`',
  'pipeline.yaml': '`pipeline.yaml`',
  platform: 'the platform',
  local: 'a person, locally',
}

/** The settings of all functions, by name. */
export function settingRows(): readonly Row[] {
  const rows = new Map<string, { readonly variable: Variable; readonly functions: string[] }>()
  for (const [name, schema] of Object.entries(FUNCTION_SCHEMAS)) {
    for (const variable of variablesOf(schema())) {
      const key = JSON.stringify(variable)
      const row = rows.get(key) ?? { variable, functions: [] }
      row.functions.push(name)
      rows.set(key, row)
    }
  }
  return [...rows.values()]
    .map(({ variable, functions }) => ({ ...variable, functions }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
}

/** The README with its tables renewed. Throws when it lacks the marks between which they stand. */
export function withVariables(readme: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`shared/config/README.md lacks the lines "${BEGIN}" and "${END}"`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${tables()}\n\n${readme.slice(end)}`
}

function tables(): string {
  const all = Object.keys(FUNCTION_SCHEMAS).length
  const functions = (names: readonly string[] | 'all') =>
    names === 'all' || names.length === all ? 'all' : names.join(', ')
  const own = settingRows().map((row) => [
    `\`${row.name}\``,
    functions(row.functions),
    row.meaning,
    row.default ?? '**required**',
    row.range,
    WHO[row.setBy],
  ])
  const foreign = ELSEWHERE.map((row) => [
    `\`${row.name}\``,
    functions(row.functions),
    row.readBy,
    row.meaning,
    row.default ?? '',
    row.range,
    WHO[row.setBy],
  ])
  return [
    '### Settings of the functions\n',
    table(['variable', 'functions', 'meaning', 'default', 'range', 'set by'], own),
    '\n### Variables that the platform and libraries read\n',
    table(['variable', 'functions', 'read by', 'meaning', 'default', 'range', 'set by'], foreign),
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const usage = 'npm run settings [-- --check]\n\nWrites the table of variables; with --check only compares.'
  const check = checkOption(process.argv.slice(2), usage)
  if (check !== undefined) renew(check)
}

function renew(check: boolean): void {
  const before = readFileSync(README, 'utf8')
  const after = withVariables(before)
  if (after === before) console.log('shared/config/README.md is current')
  else if (check) {
    console.error('shared/config/README.md is not current: run `npm run settings`')
    process.exitCode = 1
  } else {
    writeFileSync(README, after)
    console.log('written: shared/config/README.md')
  }
}
