/**
 * Everything that a change has to pass: the one list that people, `.ci/run` and GitHub's workflow run.
 *
 *   npm run check                  all of it, in order; stops at the first step that fails
 *   npm run check -- lint types    these steps only
 *   npm run check -- --list        what there is
 */
import { spawnSync } from 'node:child_process'
import { PROJECT_ROOT } from '../topology/topology.ts'

export interface Step {
  readonly name: string
  readonly what: string
  /** Commands of a shell, run in the project's folder. */
  readonly commands: readonly string[]
}

/** Cheap steps first. */
export const STEPS: readonly Step[] = [
  { name: 'lint', what: 'lint and format', commands: ['npm run lint'] },
  { name: 'types', what: 'TypeScript', commands: ['npm run typecheck'] },
  {
    name: 'generated',
    what: 'generated files are current',
    commands: [
      'npm run schemas -- --check',
      'npm run settings -- --check',
      'npm run cost -- --check',
      'node terraform/tests/docs.ts --check',
    ],
  },
  { name: 'build', what: 'bundles of the functions', commands: ['npm run build'] },
  { name: 'test', what: 'tests', commands: ['npm test -- --ci'] },
  { name: 'long', what: 'tests that are too long for npm test', commands: ['npm run test:long'] },
  { name: 'coverage', what: 'coverage of functions/ and shared/', commands: ['npm run coverage'] },
  { name: 'start', what: 'the whole pipeline on this machine', commands: ['npm start -- --once --port all=0'] },
  { name: 'browser', what: 'the console in a browser', commands: ['npm run test:browser'] },
  {
    name: 'simulation',
    what: 'simulated hours, which have the hashes that the README says on every machine',
    commands: ['npm run recordings -- --check'],
  },
  { name: 'chaos', what: 'two minutes of faults', commands: ['npm run chaos -- --seed 1 --minutes 2'] },
]

/** The steps to run, or what is wrong with the arguments. Pure. */
export function chosen(names: readonly string[]): readonly Step[] | string {
  const unknown = names.find((name) => STEPS.every((step) => step.name !== name))
  if (unknown !== undefined)
    return `there is no step ${unknown}; there are: ${STEPS.map(({ name }) => name).join(', ')}`
  return names.length === 0 ? STEPS : STEPS.filter(({ name }) => names.includes(name))
}

function main(names: readonly string[]): number {
  if (names.includes('--list')) {
    for (const { name, what } of STEPS) console.log(`${name.padEnd(12)}${what}`)
    return 0
  }
  const steps = chosen(names)
  if (typeof steps === 'string') {
    console.error(steps)
    return 2
  }
  for (const { name, what, commands } of steps) {
    console.log(`\n== ${name}: ${what}`)
    const startedMs = performance.now()
    for (const command of commands) {
      const { status } = spawnSync(command, { shell: true, stdio: 'inherit', cwd: PROJECT_ROOT })
      if (status !== 0) {
        console.error(`\n${name} failed: ${command}`)
        return 1
      }
    }
    console.log(`-- ${name}: ${Math.round((performance.now() - startedMs) / 1_000)} s`)
  }
  return 0
}

if (process.argv[1] === import.meta.filename) process.exitCode = main(process.argv.slice(2))
