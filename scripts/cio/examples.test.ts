import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createProgram } from './program.ts'

/** The arguments of a shell command: words and quoted strings, up to a pipe or a redirection. */
function argumentsOf(line: string): string[] {
  const words: string[] = []
  for (const [, quoted, word] of line.matchAll(/'([^']*)'|(\S+)/g)) {
    if (word === '|' || word === '<' || word === '>') break
    words.push(quoted ?? word ?? '')
  }
  return words
}

/** Every call of `cio-gcp` in a text, whether it stands alone or behind a pipe. */
function callsIn(text: string): string[] {
  const lines = text.replaceAll('\\\n', ' ').split('\n')
  return lines.flatMap((line) => {
    const [, call] = /(?:^\s*|\| )(?:npm run cio -- |cio-gcp )([a-z].*)$/.exec(line) ?? []
    return call === undefined ? [] : [call]
  })
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
  return text
}

const program = () => createProgram(async () => {})
const commands = program().commands.flatMap((command) => (command.commands.length === 0 ? [command] : command.commands))

describe('the examples', () => {
  it.each(commands.map((command) => [command.name(), command] as const))(
    'of the help of %s are understood',
    async (_, command) => {
      const calls = callsIn(helpOf(command).split('Example')[1] ?? '')
      expect(calls).not.toEqual([])
      for (const call of calls) await program().parseAsync(argumentsOf(call), { from: 'user' })
    },
  )

  const runbooks = join(import.meta.dirname, '../../terraform/runbooks')
  it.each(readdirSync(runbooks))('of the runbook %s are understood', async (file) => {
    const text = readFileSync(join(runbooks, file), 'utf8')
    // Within sentences and tables, a command stands between backticks, and may go on in the next line.
    const quoted = [...text.matchAll(/`((?:npm run cio -- |npx cio-gcp )[^`]+)`/g)].map(([, call = '']) =>
      call.replaceAll('\n', ' '),
    )
    for (const call of [...quoted.flatMap(callsIn), ...callsIn(text)]) {
      await program().parseAsync(argumentsOf(call), { from: 'user' })
    }
  })

  it('of the guide are understood', async () => {
    const guide = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
    const calls = callsIn(guide)
    expect(calls.length).toBeGreaterThan(20)
    for (const call of calls) await program().parseAsync(argumentsOf(call), { from: 'user' })
  })
})

it('every command says what its exit codes mean', () => {
  for (const command of commands) expect(helpOf(command)).toMatch(/Exit codes: 0 done .*\n.*run it again to resume/)
})
