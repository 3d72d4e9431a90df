import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { readEntries } from '../package/stage.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { isAllowed, refusedLicences } from './allowed.ts'
import { noticeOf, packagesOf } from './contents.ts'
import { sbomOf } from './sbom.ts'

const lock = z
  .object({
    packages: z.record(z.string(), z.looseObject({ dependencies: z.record(z.string(), z.string()).optional() })),
  })
  .parse(JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')))

describe('licences', () => {
  it('of every package are on the list: one of what is shipped, one of what is for development only', async () => {
    const peers = (await readEntries()).flatMap((entry) => entry.peers)
    expect(peers).toContain('@duckdb/node-api')
    expect(refusedLicences(lock.packages, peers)).toEqual({ shipped: [], development: [] })
  })

  it('that are not on it are refused, for what is shipped more strictly', () => {
    const packages = {
      '': { license: 'MIT' },
      'node_modules/runs': { license: 'GPL-2.0-or-later' },
      'node_modules/peer': { license: 'MIT', dev: true, dependencies: { deep: '1' } },
      'node_modules/peer/node_modules/deep': { license: 'MPL-2.0', dev: true },
      'node_modules/tool': { license: 'MPL-2.0', dev: true },
      'node_modules/unknown': { dev: true },
    }
    expect(refusedLicences(packages, ['peer'])).toEqual({
      shipped: ['node_modules/runs: GPL-2.0-or-later', 'node_modules/peer/node_modules/deep: MPL-2.0'],
      development: ['node_modules/unknown: no licence'],
    })
  })

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0)', true],
    ['Apache-2.0 AND MIT', true],
    ['MIT AND GPL-3.0', false],
    ['GPL-3.0', false],
    ['((MIT OR ISC) AND MIT)', false], // not understood, so not allowed
  ])('%s', (expression, allowed) => {
    expect(isAllowed(expression, new Set(['MIT', 'Apache-2.0']))).toBe(allowed)
  })
})

describe('what a bundle contains', () => {
  it('is named with version, licence and the text that goes along', async () => {
    const packages = await packagesOf(PROJECT_ROOT, [
      'node_modules/zod/v4/index.js',
      'node_modules/zod/v4/core/core.js',
    ])
    const notice = noticeOf('This', packages)
    expect(packages.map(({ name }) => name)).toEqual(['zod'])
    expect(notice).toMatch(/^This contains code of these packages:\n\n {2}zod \d+\.\d+\.\d+ \(MIT\)\n/)
    expect(notice).toContain('Permission is hereby granted')
  })

  it('is told as npm tells it, without times and addresses', async () => {
    const names = [
      '@google-cloud/pubsub',
      'google-gax',
      'protobufjs',
      'long',
      '@opentelemetry/api',
      '@opentelemetry/core',
    ]
    const files = names.map((name) => `node_modules/${name}/index.js`)
    const contained = await packagesOf(PROJECT_ROOT, files)
    const lockFile = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
    const sbom = sbomSchema.parse(sbomOf('f', lockFile, contained))
    const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
    const { stdout } = await promisify(execFile)('npm', args, { cwd: PROJECT_ROOT, maxBuffer: 64 * 1024 * 1024 })
    const npms = sbomSchema.parse(JSON.parse(stdout))
    const { 'bom-ref': ref, purl, licenses } = npms.metadata.component
    expect(sbom).toMatchObject({
      ...pick(npms),
      metadata: { component: { 'bom-ref': ref, purl, licenses, name: 'f' } },
    })
    const refs = contained.map(({ name, version }) => `${name}@${version}`)
    const told = npms.components.filter((each) => refs.includes(each['bom-ref']))
    expect(told).toHaveLength(names.length)
    expect(byRef(sbom.components)).toEqual(
      byRef(told.map(({ externalReferences: _addresses, properties: _none, ...component }) => component)),
    )
    const graph = npms.dependencies.filter((each) => refs.includes(each.ref))
    expect(sbom.dependencies).toEqual(
      refs.map((each) => {
        const dependsOn = graph.find(({ ref }) => ref === each)?.dependsOn ?? []
        return { ref: each, dependsOn: dependsOn.filter((other) => refs.includes(other)).sort() }
      }),
    )
    expect(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn).length).toBeGreaterThan(4)
    expect(JSON.stringify(sbom)).not.toMatch(/registry|timestamp|serialNumber/)
  })

  it('is refused when the lock file does not know it', async () => {
    const contained = await packagesOf(PROJECT_ROOT, ['node_modules/zod/index.js'])
    expect(() => sbomOf('f', { packages: {} }, contained)).toThrow('package-lock.json has no node_modules/zod')
  })
})

const component = z.looseObject({ 'bom-ref': z.string() })
const sbomSchema = z.looseObject({
  ...{ $schema: z.string(), bomFormat: z.string(), specVersion: z.string(), version: z.number() },
  metadata: z.looseObject({ component }),
  components: z.array(component),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
})

function pick({ $schema, bomFormat, specVersion, version }: z.infer<typeof sbomSchema>) {
  return { $schema, bomFormat, specVersion, version }
}

function byRef(components: z.infer<typeof sbomSchema>['components']) {
  return [...components].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1))
}
