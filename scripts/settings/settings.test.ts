import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { ELSEWHERE } from './elsewhere.ts'
import { README, settingRows, withVariables } from './settings.ts'

const documented = new Set([...settingRows(), ...ELSEWHERE].map(({ name }) => name))

/** `env.NAME`, `process.env.NAME`, `environment['NAME']`, and `{ NAME }: Environment` or `{ NAME } = env`. */
const READ = /\b(?:env|environment)\??\.([A-Z][A-Z0-9_]*)\b|\b(?:env|environment)\??\.?\[['"`]([A-Z][A-Z0-9_]*)/g
const DESTRUCTURED =
  /\{([^{}]*)\}\s*(?::\s*(?:Environment|NodeJS\.ProcessEnv)\b|=\s*(?:process\.)?(?:env|environment)\b)/g

/** The names of the variables that a file's text reads. */
function readsOf(text: string): string[] {
  const named = [...text.matchAll(READ)].flatMap(([, dotted, quoted]) => dotted ?? quoted ?? [])
  const taken = [...text.matchAll(DESTRUCTURED)].flatMap(([, names = '']) => names.match(/\b[A-Z][A-Z0-9_]+\b/g) ?? [])
  // Libraries look for these by themselves; code and comments that name one rely on it.
  const emulators = text.match(/\b[A-Z]+_EMULATOR_HOST\b/g) ?? []
  return [...named, ...taken, ...emulators]
}

it('the README lists every setting as the schemas have it (else: npm run settings)', () => {
  const readme = readFileSync(README, 'utf8')
  expect(withVariables(readme)).toBe(readme)
})

it('the table has every variable that is read anywhere in functions and shared', () => {
  const missing: string[] = []
  for (const file of globSync('{functions,shared}/**/*.ts', { cwd: PROJECT_ROOT })) {
    if (file.endsWith('.test.ts')) continue
    for (const name of readsOf(readFileSync(join(PROJECT_ROOT, file), 'utf8'))) {
      if (!documented.has(name)) missing.push(`${file}: ${name}`)
    }
  }
  expect(missing).toEqual([])
})

it.each([
  ['process.env.SECRET_DOOR', 'SECRET_DOOR'],
  ["env['SECRET_DOOR']", 'SECRET_DOOR'],
  ['environment?.SECRET_DOOR', 'SECRET_DOOR'],
  ['const { SECRET_DOOR: door } = process.env', 'SECRET_DOOR'],
  ['function f({ SECRET_DOOR }: Environment) {}', 'SECRET_DOOR'],
])('sees the variable in %j', (text, name) => {
  expect(readsOf(text)).toEqual([name])
})

it('says of each variable what it means, what is taken and who sets it', () => {
  for (const { name, meaning, range } of [...settingRows(), ...ELSEWHERE]) {
    expect({ name, meaning, range }).toEqual({
      name: expect.stringMatching(/^[A-Z][A-Z0-9_]+$/),
      meaning: expect.stringMatching(/^\S.*[^.\s]$/),
      range: expect.stringMatching(/^\S.*[^.\s]$/),
    })
  }
})

it('refuses a README without the marks', () => {
  expect(() => withVariables('# Configuration')).toThrow('lacks the lines')
})
