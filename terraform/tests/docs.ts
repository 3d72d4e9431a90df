import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkOption } from '../../scripts/check/check-option.ts'
import { type Block, MODULE, type Module, readModule } from './hcl.ts'

/**
 * Writes the module's inputs and outputs into README.md, from the code. `--check` writes nothing and fails when the
 * README is not current.
 *
 *   node terraform/tests/docs.ts [--check]
 */

const BEGIN = '<!-- inputs and outputs: written by `node terraform/tests/docs.ts` -->'
const END = '<!-- end of inputs and outputs -->'

/** The README's text with the part between the marks renewed. Throws when the marks are missing. */
export function withInputsAndOutputs(readme: string, module: Pick<Module, 'variables' | 'outputs'>): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the lines "${BEGIN}" and "${END}"`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${tables(module)}\n${readme.slice(end)}`
}

function tables({ variables, outputs }: Pick<Module, 'variables' | 'outputs'>): string {
  const inputs = [...variables].sort(byName).map(([name, body]) => [code(name), text(body), type(body), initial(body)])
  const results = [...outputs].sort(byName).map(([name, body]) => [code(name), text(body)])
  return [
    '### Inputs\n',
    table(['name', 'description', 'type', 'default'], inputs),
    '\n### Outputs\n',
    table(['name', 'description'], results),
    '',
  ].join('\n')
}

const byName = ([a]: readonly [string, Block], [b]: readonly [string, Block]) => (a < b ? -1 : 1)
const code = (value: string) => `\`${value}\``
const cell = (value: string) => value.replaceAll('|', '\\|').replaceAll('\n', ' ')
const text = (body: Block) => String(body.description ?? '')

function type(body: Block): string {
  const expression = String(body.type ?? 'any').replace(/^\$\{([\s\S]*)\}$/, '$1')
  const line = expression.replaceAll(/\s+/g, ' ')
  // The type of pipeline.yaml is a page of its own: that page is pipeline.tf.
  return line.length > 400 ? '`object`, see [pipeline.tf](pipeline.tf)' : code(line)
}

function initial(body: Block): string {
  return 'default' in body ? code(JSON.stringify(body.default)) : 'required'
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

const USAGE =
  'node terraform/tests/docs.ts [--check]\n\nWrites inputs and outputs into terraform/README.md; with --check only compares.'
const check = process.argv[1] === import.meta.filename ? checkOption(process.argv.slice(2), USAGE) : undefined
if (check !== undefined) {
  const path = join(MODULE, 'README.md')
  const before = readFileSync(path, 'utf8')
  const after = withInputsAndOutputs(before, await readModule(MODULE))
  if (!check) writeFileSync(path, after)
  else if (after !== before) {
    console.error('terraform/README.md is not current: run `node terraform/tests/docs.ts`')
    process.exitCode = 1
  }
}
