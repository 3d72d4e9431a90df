import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type LockFile, lockFileFor } from '../build/lock.ts'
import { bundleNames, PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { pack, stagePackage } from './stage.ts'

/** Packs once, installs once, in a folder from which nothing of this project can be reached, and uses it from there. */

const run = promisify(execFile)
const CONSUMER = join(PROJECT_ROOT, 'scripts/package/consumer')
const manifestSchema = z.object({
  version: z.string(),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
  entryPeers: z.record(z.string(), z.record(z.string(), z.string())),
  exports: z.record(z.string(), z.unknown()),
})

let stage: string
let consumer: string
let manifest: z.infer<typeof manifestSchema>

beforeAll(async () => {
  await mkdir(join(PROJECT_ROOT, '.local'), { recursive: true })
  stage = await mkdtemp(join(PROJECT_ROOT, '.local', 'package-test-'))
  consumer = await mkdtemp(join(tmpdir(), 'cio-gcp-consumer-'))
  await stagePackage(stage, process.env.TEST_BUNDLES)
  manifest = manifestSchema.parse(JSON.parse(await readFile(join(stage, 'package.json'), 'utf8')))
  const tarball = await pack(stage, consumer)
  await install(tarball)
  await cp(CONSUMER, consumer, { recursive: true })
}, 120_000)
afterAll(async () => {
  await rm(stage, { recursive: true, force: true })
  await rm(consumer, { recursive: true, force: true })
})

/** By a lock file with the versions of ours, so that npm takes the very packages that it has in its cache from our own installation. */
async function install(tarball: string): Promise<void> {
  const project: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  const { version, bin, dependencies } = manifest
  const ours = { version, resolved: `file:${tarball}`, bin, dependencies }
  const consumerManifest = { name: 'consumer', version: '1.0.0', dependencies: { 'cio-gcp': `file:${tarball}` } }
  const lock = lockFileFor(consumerManifest, { packages: { ...project.packages, 'node_modules/cio-gcp': ours } })
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ ...consumerManifest, private: true }))
  await writeFile(join(consumer, 'package-lock.json'), JSON.stringify(lock))
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: consumer })
}

/** Makes packages of this project available to the consumer, as if it had installed them. */
async function link(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(consumer, 'node_modules', name)
    await mkdir(dirname(path), { recursive: true })
    await symlink(join(PROJECT_ROOT, 'node_modules', name), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

const node = (args: readonly string[]) =>
  run(process.execPath, args, { cwd: consumer, env: { PATH: process.env.PATH, HOME: process.env.HOME } })

describe('an installed cio-gcp', () => {
  it('brings its dependencies and nothing else', async () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['@google-cloud/pubsub', 'zod'])
    const lock = JSON.parse(await readFile(join(consumer, 'node_modules/.package-lock.json'), 'utf8'))
    expect(Object.keys(lock.packages).length).toBeLessThan(100)
  })

  describe('loads', () => {
    const ENTRIES = [
      ['cio-gcp', ['LIMITS', 'MessagingPublisher', 'PublishFailedError', 'PublisherClosedError']],
      ['cio-gcp/webhooks', ['SIGNATURE_HEADER', 'TIMESTAMP_HEADER', 'isTooOld', 'parseKeyRing']],
      ['cio-gcp/repository', ['ColumnValueError', 'InvalidUserError', 'MappingError', 'PostgresUserStore']],
      [
        'cio-gcp/testing',
        ['MemoryUserStore', 'USER_STORE_CONTRACT', 'connectLocalPipeline', 'createFakePublisher', 'startLocalPipeline'],
      ],
    ] as const
    /** The names that each entry exports, by the entry: one process per format loads them all. */
    let exported: Record<'module' | 'commonjs', Record<string, string[]>>

    beforeAll(async () => {
      const load = async (format: 'module' | 'commonjs', expression: string) => {
        const entries = JSON.stringify(ENTRIES.map(([entry]) => entry))
        const program = `const names = {}
          for (const entry of ${entries}) names[entry] = Object.keys(${expression}).sort()
          console.log(JSON.stringify(names))`
        return JSON.parse((await node([`--input-type=${format}`, '-e', program])).stdout)
      }
      const [module, commonjs] = await Promise.all([
        load('module', 'await import(entry)'),
        load('commonjs', 'require(entry)'),
      ])
      exported = { module, commonjs }
    })

    it.each(ENTRIES)('%s with what every installation has, in both formats', (entry, names) => {
      expect(exported.module[entry]).toEqual(exported.commonjs[entry])
      expect(exported.module[entry]).toEqual(expect.arrayContaining([...names]))
    })
  })

  it('says which packages the local pipeline needs, and how to install them', async () => {
    const start = "const { startLocalPipeline } = require('cio-gcp/testing'); startLocalPipeline()"
    await expect(node(['-e', start])).rejects.toMatchObject({
      stderr: expect.stringMatching(
        /startLocalPipeline\(\) needs packages that are not installed: @duckdb\/node-api.*\n +npm install --save-dev @duckdb\/node-api@1/,
      ),
    })
  })

  it('says the same of the command', async () => {
    const command = join(consumer, 'node_modules/.bin/cio-gcp')
    await expect(node([command, '--help'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cio-gcp needs packages that are not installed: .*commander.*\n +npm install/),
    })
  })

  it('holds the functions, the Terraform module with its tables and views, and the schemas', async () => {
    const root = join(consumer, 'node_modules/cio-gcp')
    expect((await readdir(join(root, 'dist'))).sort()).toEqual([...bundleNames(readTopology())].sort())
    expect(readTopology(root)).toEqual(readTopology())
    expect(await readdir(join(root, 'dist/track'))).toContain('package-lock.json')
    const files = await readdir(root, { recursive: true })
    expect(files).toEqual(
      expect.arrayContaining([
        'terraform/functions.tf',
        'terraform/views/email_events.sql',
        'terraform/transforms/message_outcomes.js',
        'lib/console/page.js',
        'lib/console/page.css',
      ]),
    )
    expect(files).toEqual(expect.arrayContaining(['schemas/track.schema.json', 'python/customerio_messages.py']))
    expect(files).toEqual(
      expect.arrayContaining(['NOTICE', 'sbom.cdx.json', 'dist/track/NOTICE', 'dist/track/sbom.cdx.json']),
    )
    expect(await readFile(join(root, 'NOTICE'), 'utf8')).toMatch(/yaml \d.* \(ISC\)/)
    expect(files).toEqual(expect.arrayContaining(['scripts/cio/README.md', 'shared/contract/README.md']))
    expect(files).toContain('dist/webhook/index.mjs.map')
    expect(files.filter((file) => /\.test\.|tfstate|terraform\/tests|(?<!\.mjs)\.map$/.test(file))).toEqual([])
  })
})

describe('the types', () => {
  it.each([
    ['node16', ['types.mts', 'types.cts']],
    ['bundler', ['types.mts']],
  ])('resolve with %s resolution, and refuse what is wrong', async (moduleResolution, files) => {
    await link(['@types/node', 'undici-types'])
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2024',
      module: moduleResolution === 'bundler' ? 'esnext' : 'node16',
      moduleResolution,
      types: ['node'],
      skipLibCheck: false,
    }
    const config = join(consumer, `tsconfig.${moduleResolution}.json`)
    await writeFile(config, JSON.stringify({ compilerOptions, files }))
    // Several threads check the same declarations several times.
    const tsc = [join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc'), '-p', config, '--singleThreaded']
    const { stdout } = await node(tsc).catch((failed: { stdout: string }) => failed)
    // The declarations of Google's clients are not ours to judge.
    const isOurs = (line: string) => !line.includes('node_modules/') || line.includes('node_modules/cio-gcp/')
    expect(stdout.split('\n').filter((line) => /: error /.test(line) && isOurs(line))).toEqual([])
  })
})

describe('with the packages of the local pipeline', () => {
  let outputs: string[]
  let received: string[]

  // One pipeline for all: each program finds it by the environment.
  beforeAll(async () => {
    await link([...Object.keys(manifest.entryPeers.testing ?? {}), ...Object.keys(manifest.entryPeers.command ?? {})])
    const programs = ['publish.mjs', 'publish.cjs', 'plain.js', 'operate.mjs']
    const { stdout } = await node(['with-pipeline.mjs', ...programs])
    const document: { readonly outputs: string[]; readonly received: string[] } = JSON.parse(stdout)
    outputs = document.outputs
    received = document.received
  }, 60_000)

  it('publishes from ES modules, CommonJS and plain JavaScript', () => {
    const right =
      '{"schema":"https://json-schema.org/draft/2020-12/schema","refused":true,"verified":true,"table":"users"}'
    expect(outputs.slice(0, 3)).toEqual([right, right, 'published'])
    expect(received.sort()).toEqual(['from_commonjs', 'from_es_modules', 'identify', 'identify'])
  })

  it('operates a pipeline by its command, through npx', () => {
    expect(outputs[3]).toContain('published to identify: message')
  })

  it('names its documents where they lie', async () => {
    const { stdout } = await node([join(consumer, 'node_modules/.bin/cio-gcp'), '--help'])
    expect(stdout).toContain('Operator guide: node_modules/cio-gcp/scripts/cio/README.md')
  })

  it('serves the tests of an application in Jest', async () => {
    const config = {
      rootDir: '.',
      transform: {},
      // Beside other suites on two cores: what is asserted is that it works, not how soon.
      testTimeout: 30_000,
      testMatch: ['**/application.test.cjs'],
      moduleFileExtensions: ['cjs', 'js', 'json'],
      globalSetup: '<rootDir>/global-setup.cjs',
      globalTeardown: '<rootDir>/global-teardown.cjs',
    }
    const jest = join(PROJECT_ROOT, 'node_modules/jest/bin/jest.js')
    const { stderr } = await node([jest, '--config', JSON.stringify(config)])
    expect(stderr).toMatch(/Tests: +3 passed, 3 total/)
  }, 60_000)
})
