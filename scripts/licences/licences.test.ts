import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readEntries } from '../package/stage.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { isAllowed, refusedLicences } from './allowed.ts'
import { noticeOf, packagesOf, sbomOf } from './contents.ts'

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

  it('is the same text at every build, and holds no address', () => {
    const sbom = {
      serialNumber: 'urn:uuid:1',
      metadata: { timestamp: 'now', tools: [], component: { 'bom-ref': 'p', name: 'folder' } },
      components: [
        {
          'bom-ref': 'a@1',
          name: 'a',
          version: '1',
          externalReferences: [{ type: 'distribution', url: 'http://registry' }],
        },
        { 'bom-ref': 'b@1', name: 'b', version: '1' },
      ],
      dependencies: [
        { ref: 'a@1', dependsOn: ['b@1'] },
        { ref: 'b@1', dependsOn: [] },
      ],
    }
    expect(sbomOf('f', sbom, [{ name: 'a', version: '1' }])).toEqual({
      metadata: { component: { 'bom-ref': 'p', name: 'f' } },
      components: [{ 'bom-ref': 'a@1', name: 'a', version: '1' }],
      dependencies: [{ ref: 'a@1', dependsOn: [] }],
    })
  })
})
