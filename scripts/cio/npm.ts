import type { Command } from 'commander'
import { usageError } from './errors.ts'

/**
 * `npm run cio publish … --local` never shows us `--local`: without `--` in front, npm takes every option for itself and
 * leaves only a variable `npm_config_local`. What was meant for the local stack would then go to another one, so nothing
 * is done when npm holds an option of ours.
 *
 * @throws when an option of the program stands in npm's variables and not in `argv`
 */
export function refuseWhatNpmTook(program: Command, argv: readonly string[], env: NodeJS.ProcessEnv): void {
  const given = new Set(argv.map((argument) => argument.split('=')[0]))
  const all = [program, ...program.commands.flatMap((each) => [each, ...each.commands])]
  const taken = all
    .flatMap(({ options }) => options)
    .flatMap(({ long, short, negate }) => {
      if (long === null || long === undefined || given.has(long) || (short && given.has(short))) return []
      const names = [long.replace(/^--(no-)?/, ''), ...(short ? [short.slice(1)] : [])]
      return names.some((name) => isTaken(name, negate ?? false, env)) ? [long] : []
    })
  if (taken.length === 0) return
  const flags = [...new Set(taken)].join(' ')
  throw usageError(
    `npm took ${flags} for itself and did not pass it on`,
    `Write -- before the command: npm run cio -- ${argv[0] ?? '<command>'} … ${flags}`,
  )
}

/** npm sets a variable to `true` or to the value, and to nothing for `--no-…` and for what is off by default. */
function isTaken(name: string, negated: boolean, env: NodeJS.ProcessEnv): boolean {
  // `npx -y` is npx's own: it installs without asking.
  if (name === 'yes' && env.npm_command === 'exec') return false
  // npm takes --edit for its --editor, and empties it.
  if (name === 'edit') return env.npm_config_editor === ''
  const value = env[`npm_config_${name.replaceAll('-', '_')}`]
  return negated ? value === '' : value !== undefined && value !== '' && value !== 'false'
}

/** Where the person stands. npm runs a script in the folder of package.json, and says in INIT_CWD where it was called. */
export function standingIn(env: NodeJS.ProcessEnv, directory: string): string {
  return env.npm_lifecycle_event === 'cio' && env.INIT_CWD ? env.INIT_CWD : directory
}
