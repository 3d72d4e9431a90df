import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from '../topology/topology.ts'

/** No machine with macOS runs the tests: this is what the lock file says about it. */

const oneOrMore = z.union([z.array(z.string()), z.string().transform((only) => [only])]).optional()
const locked = z.looseObject({
  os: oneOrMore,
  cpu: oneOrMore,
  optionalDependencies: z.record(z.string(), z.string()).optional(),
})
const { packages } = z
  .object({ packages: z.record(z.string(), locked) })
  .parse(JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')))

type Locked = z.infer<typeof locked>

/** Builds of one package for platforms, with the kinds of Mac that have none. */
function missingOnMac(owner: string, all: Readonly<Record<string, Locked>>): string[] {
  const builds = Object.keys(all[owner]?.optionalDependencies ?? {})
    .map((name) => all[`${owner}/node_modules/${name}`] ?? all[`node_modules/${name}`])
    .filter((build) => build?.os !== undefined)
  if (builds.length === 0) return []
  return ['arm64', 'x64'].filter(
    (cpu) =>
      !builds.some((build) => build?.os?.includes('darwin') && (build.cpu === undefined || build.cpu.includes(cpu))),
  )
}

// Those of the project itself are Node, of which a Mac has its own: see scripts/node-version.cjs.
const owners = Object.keys(packages).filter((path) => path !== '' && packages[path]?.optionalDependencies !== undefined)

it('every package with native builds has those for both kinds of Mac', () => {
  const missing = owners.flatMap((owner) => missingOnMac(owner, packages).map((cpu) => `${owner}: darwin-${cpu}`))
  expect(missing).toEqual([])
  // What the test is about is there.
  for (const name of ['@duckdb/node-bindings', 'esbuild', '@swc/core', '@biomejs/biome', 'typescript']) {
    expect(owners).toContain(`node_modules/${name}`)
  }
})

it('every build for macOS that is named is locked', () => {
  const named = owners.flatMap((owner) => Object.keys(packages[owner]?.optionalDependencies ?? {}))
  for (const name of named.filter((each) => each.includes('darwin')))
    expect(packages).toHaveProperty([`node_modules/${name}`])
})

it('a package without a build for a kind of Mac is found', () => {
  const all = {
    'node_modules/native': { optionalDependencies: { 'native-linux': '1', 'native-darwin-arm64': '1' } },
    'node_modules/native-linux': { os: ['linux'], cpu: ['x64'] },
    'node_modules/native-darwin-arm64': { os: ['darwin'], cpu: ['arm64'] },
  }
  expect(missingOnMac('node_modules/native', all)).toEqual(['x64'])
})

it('no source needs more than Node 22.18, which is what a Mac may have', () => {
  const sources = globSync(['{functions,scripts,shared,terraform}/**/*.{ts,mjs,cjs}'], { cwd: PROJECT_ROOT })
  expect(sources.length).toBeGreaterThan(300)
  // Node 24 brought `using` and the property `main` of `import.meta`.
  const tooNew = /^\s*(?:await )?using \w+ =|import\.meta\.main\b/m
  expect(sources.filter((file) => tooNew.test(readFileSync(join(PROJECT_ROOT, file), 'utf8')))).toEqual([])
})
