import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { type Consumer, installedConsumer } from './testing/consumer.ts'
import { keepsItsPromises, typeErrors } from './testing/promises.ts'

/** Packs once, installs once, and uses it from there. */
describe('an installed cio-gcp', () => {
  let consumer: Consumer
  beforeAll(async () => {
    consumer = await installedConsumer()
  }, 120_000)
  afterAll(() => consumer?.[Symbol.asyncDispose]())

  it('brings its dependencies and nothing else', async () => {
    const lock = JSON.parse(await readFile(join(consumer.folder, 'node_modules/.package-lock.json'), 'utf8'))
    expect(Object.keys(lock.packages).length).toBeLessThan(100)
  })

  keepsItsPromises(() => consumer)

  it.each(['node16', 'bundler'] as const)(
    'has types that resolve with %s resolution, and refuse what is wrong',
    async (moduleResolution) => {
      expect(await typeErrors(consumer, moduleResolution)).toEqual([])
    },
  )

  describe('with the packages of the local pipeline', () => {
    let outputs: string[]
    let received: string[]

    // One pipeline for all: each program finds it by the environment.
    beforeAll(async () => {
      const { testing = {}, command = {} } = consumer.manifest.entryPeers
      await consumer.link([...Object.keys(testing), ...Object.keys(command)])
      const programs = ['publish.mjs', 'publish.cjs', 'plain.js', 'operate.mjs']
      const { stdout } = await consumer.node(['with-pipeline.mjs', ...programs])
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
      const { stdout } = await consumer.node([join(consumer.folder, 'node_modules/.bin/cio-gcp'), '--help'])
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
      const { stderr } = await consumer.node([jest, '--config', JSON.stringify(config)])
      expect(stderr).toMatch(/Tests: +3 passed, 3 total/)
    }, 60_000)
  })
})
