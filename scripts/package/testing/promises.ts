import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleNames, PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import type { Consumer } from './consumer.ts'

const ENTRIES = [
  ['cio-gcp', ['LIMITS', 'MessagingPublisher', 'PublishFailedError', 'PublisherClosedError']],
  ['cio-gcp/webhooks', ['SIGNATURE_HEADER', 'TIMESTAMP_HEADER', 'isTooOld', 'parseKeyRing']],
  ['cio-gcp/repository', ['ColumnValueError', 'InvalidUserError', 'MappingError', 'PostgresUserStore']],
  [
    'cio-gcp/testing',
    ['MemoryUserStore', 'USER_STORE_CONTRACT', 'connectLocalPipeline', 'createFakePublisher', 'startLocalPipeline'],
  ],
] as const

/** What the package promises before any package of the local pipeline is there. */
export function keepsItsPromises(consumerOf: () => Consumer): void {
  const node = (args: readonly string[]) => consumerOf().node(args)

  it('depends on two packages', () => {
    expect(Object.keys(consumerOf().manifest.dependencies)).toEqual(['@google-cloud/pubsub', 'zod'])
  })

  describe('loads', () => {
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
    const { folder, manifest } = consumerOf()
    const command = join(folder, 'node_modules/cio-gcp', manifest.bin['cio-gcp'] ?? '')
    await expect(node([command, '--help'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cio-gcp needs packages that are not installed: .*commander.*\n +npm install/),
    })
  })

  it('holds the functions, the Terraform module with its tables and views, and the schemas', async () => {
    const root = join(consumerOf().folder, 'node_modules/cio-gcp')
    expect((await readdir(join(root, 'dist'))).sort()).toEqual([...bundleNames(readTopology())].sort())
    expect(readTopology(root)).toEqual(readTopology())
    expect(await readdir(join(root, 'dist/track'))).toContain('package-lock.json')
    const files = await readdir(root, { recursive: true })
    expect(files).toEqual(
      expect.arrayContaining([
        'terraform/functions.tf',
        'terraform/tables/webhook_events.json',
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
}

/** The errors of the package's own types, in an application that is compiled with this resolution of modules. */
export async function typeErrors(
  { folder, node, link }: Consumer,
  moduleResolution: 'node16' | 'bundler',
): Promise<readonly string[]> {
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
  const files = moduleResolution === 'bundler' ? ['types.mts'] : ['types.mts', 'types.cts']
  const config = join(folder, `tsconfig.${moduleResolution}.json`)
  await writeFile(config, JSON.stringify({ compilerOptions, files }))
  // Several threads check the same declarations several times.
  const tsc = [join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc'), '-p', config, '--singleThreaded']
  const { stdout } = await node(tsc).catch((failed: { stdout: string }) => failed)
  // The declarations of Google's clients are not ours to judge.
  const isOurs = (line: string) => !line.includes('node_modules/') || line.includes('node_modules/cio-gcp/')
  return stdout.split('\n').filter((line) => /: error /.test(line) && isOurs(line))
}
