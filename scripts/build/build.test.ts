import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundleNames, PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { buildFunctions } from './build.ts'
import { refuseMissing } from './leave-out.ts'
import { type LockFile, lockFileFor } from './lock.ts'

const run = promisify(execFile)
const FRAMEWORK = '@google-cloud/functions-framework'
const [FIRST = ''] = bundleNames(readTopology())

describe('the bundles', () => {
  let outDir: string
  beforeAll(async () => {
    if (process.env.TEST_BUNDLES !== undefined) {
      outDir = process.env.TEST_BUNDLES
      return
    }
    outDir = await mkdtemp(join(PROJECT_ROOT, 'dist-test-'))
    await run(process.execPath, [join(PROJECT_ROOT, 'scripts/build/build.ts'), outDir])
  }, 60_000)
  afterAll(async () => {
    if (outDir !== process.env.TEST_BUNDLES) await run('rm', ['-rf', outDir])
  })

  it('are one per function of the topology', async () => {
    expect((await readdir(outDir)).sort()).toEqual([...bundleNames(readTopology())].sort())
  })

  it.each(bundleNames(readTopology()))('%s installs from its own lock file', async (name) => {
    const source = join(outDir, name)
    const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({ main: 'index.mjs', dependencies: { [FRAMEWORK]: 'file:functions-framework' } })
    const lock = await readFile(join(source, 'package-lock.json'), 'utf8')
    const first = await readFile(join(outDir, FIRST, 'package-lock.json'), 'utf8')
    // npm is asked about the first of them: the others differ from it by their names.
    expect(lock).toBe(first.replaceAll(`"name": "${FIRST}"`, `"name": "${name}"`))
    if (name !== FIRST) return
    const { stdout } = await run('npm', ['ci', '--dry-run', '--offline'], { cwd: source })
    expect(stdout).toMatch(/added 1 package\b/)
  })

  it('of webhook and warehouse are without the Customer.io SDK, that of webhook without BigQuery', async () => {
    for (const [name, unused] of [
      ['webhook', /customerio-node\/dist|@google-cloud\/bigquery\//],
      ['warehouse', /customerio-node\/dist/],
    ] as const) {
      const files = (await readdir(join(outDir, name))).filter((file) => file.endsWith('.mjs'))
      for (const file of files) expect(await readFile(join(outDir, name, file), 'utf8')).not.toMatch(unused)
    }
  })

  it("have none of Google's clients but BigQuery's, except for the probe, which publishes as an application does", async () => {
    for (const name of bundleNames(readTopology()).filter((each) => each !== 'probe')) {
      const files = (await readdir(join(outDir, name))).filter((file) => file.endsWith('.mjs'))
      const texts = await Promise.all(files.map((file) => readFile(join(outDir, name, file), 'utf8')))
      expect(texts.join('')).not.toMatch(/google-gax|grpc-js/)
    }
  })

  it('of the probe are without the generated message classes and side clients that nothing calls', async () => {
    const files = (await readdir(join(outDir, 'probe'))).filter((file) => file.endsWith('.mjs'))
    const texts = await Promise.all(files.map((file) => readFile(join(outDir, 'probe', file), 'utf8')))
    expect(texts.join('')).not.toMatch(/AcknowledgeRequest\.encode|listLocationsStream/)
  })

  it('fail to build rather than miss a module at run time', () => {
    const bundle = (path: string) => ({
      inputs: {},
      outputs: {
        'dist/function/index.mjs': {
          ...{ bytes: 1, inputs: {}, exports: [] },
          imports: [{ path, kind: 'import-statement', external: true } as const],
        },
      },
    })
    for (const path of ['node:fs', 'fs', FRAMEWORK])
      expect(() => refuseMissing(bundle(path), [FRAMEWORK])).not.toThrow()
    expect(() => refuseMissing(bundle('@google-cloud/firestore'), [])).toThrow(
      'dist/function/index.mjs imports @google-cloud/firestore, which is not in the bundle',
    )
  })

  it('tell places of our sources by the maps beside them, which are the same whatever folder they are built into', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'build-test-'))
    try {
      await buildFunctions(elsewhere, ['webhook'])
      const maps = (await readdir(elsewhere, { recursive: true })).filter((file) => file.endsWith('.map'))
      const read = (file: string) => readFile(join(elsewhere, file), 'utf8')
      const sources: string[] = []
      for (const file of maps) {
        const text = await read(file)
        expect(text).toBe(await readFile(join(outDir, file), 'utf8'))
        expect(await read(file.replace(/\.map$/, ''))).toContain('//# sourceMappingURL=')
        sources.push(...JSON.parse(text).sources)
        expect(JSON.parse(text).sourcesContent).toBeUndefined()
      }
      expect(sources).toEqual(expect.arrayContaining(['../../functions/webhook/listeners.ts']))
      const sizes = await Promise.all(maps.map(async (file) => (await read(file)).length))
      // With entries for packages they would have 435,000.
      expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(100_000)
    } finally {
      await rm(elsewhere, { recursive: true })
    }
  }, 60_000)

  it.each(['identify', 'track', 'webhook'])('%s imports no HTTP/2, which is a tenth of a start', async (name) => {
    const files = (await readdir(join(outDir, name))).filter((file) => file.endsWith('.mjs'))
    for (const file of files) expect(await readFile(join(outDir, name, file), 'utf8')).not.toContain('from"node:http2"')
  })

  // The bundles of f405cce, which the framework was still installed beside; a function may take half of that, with the framework.
  it.each([
    ['identify', 2_295_371],
    ['track', 2_290_908],
    ['transactional', 4_246_904],
    ['webhook', 2_163_578],
    ['warehouse', 2_357_855],
  ])('%s is half of what it was, and has no language of zod but English', async (name, before) => {
    const files = (await readdir(join(outDir, name), { recursive: true })).filter((file) => file.endsWith('.mjs'))
    const texts = await Promise.all(files.map((file) => readFile(join(outDir, name, file), 'utf8')))
    // One `import { z }` among the sources takes all of zod along: 440 kB, and a tenth of a start.
    expect(texts.join('')).not.toMatch(/Nieprawid/)
    expect(Buffer.byteLength(texts.join(''))).toBeLessThan(before / 2)
  })
})

describe('a lock file', () => {
  const project: LockFile = {
    packages: {
      'node_modules/a': {
        version: '1.0.0',
        dev: true,
        dependencies: { b: '^2', c: '*' },
        optionalDependencies: { none: '*' },
      },
      'node_modules/b': { version: '1.0.0' },
      'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { c: '*' } },
      'node_modules/c': { version: '3.0.0', integrity: 'sha512-x' },
      'node_modules/unused': { version: '9.0.0' },
    },
  }
  const manifest = { name: 'f', version: '1.0.0', dependencies: { a: '1.0.0' } }

  it('holds what is needed, where it is found, and nothing else', () => {
    expect(lockFileFor(manifest, project)).toEqual({
      name: 'f',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': manifest,
        'node_modules/a': { version: '1.0.0', dependencies: { b: '^2', c: '*' }, optionalDependencies: { none: '*' } },
        'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { c: '*' } },
        'node_modules/c': { version: '3.0.0', integrity: 'sha512-x' },
      },
    })
  })

  it('is not made when something is missing', () => {
    expect(() => lockFileFor({ ...manifest, dependencies: { z: '1' } }, project)).toThrow(
      'package-lock.json has no z, which f needs',
    )
  })
})

describe('the command', () => {
  const build = (folder: string, ...args: string[]) =>
    run(process.execPath, [join(PROJECT_ROOT, 'scripts/build/build.ts'), ...args], { cwd: folder })

  it('replaces the bundles in a folder, and leaves what else is in it', async () => {
    const folder = await mkdtemp(join(PROJECT_ROOT, 'dist-test-'))
    try {
      await writeFile(join(folder, 'cio-gcp-0.1.0.tgz'), 'a package')
      await mkdir(join(folder, 'webhook'))
      await writeFile(join(folder, 'webhook', 'stale.js'), '')
      await buildFunctions(folder, ['webhook'])
      expect(await readdir(folder)).toEqual(['cio-gcp-0.1.0.tgz', 'webhook'])
      expect(await readdir(join(folder, 'webhook'))).not.toContain('stale.js')
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)

  it('takes no option for a folder', async () => {
    const folder = await mkdtemp(join(PROJECT_ROOT, 'dist-test-'))
    try {
      expect((await build(folder, '--help')).stdout).toMatch(/^npm run build -- \[FOLDER\]/)
      await expect(build(folder, '--minify')).rejects.toMatchObject({ code: 2 })
      expect(await readdir(folder)).toEqual([])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
