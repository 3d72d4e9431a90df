/**
 * Makes the package `cio-gcp`:
 *
 *   npm run package               writes dist/cio-gcp-<version>.tgz
 *   npm run package -- FOLDER     writes it there
 *
 * Install it with `npm install <file>.tgz`. README.md beside this file is what its users read first.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { outputFolder } from '../build/output-folder.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { pack, stagePackage } from './stage.ts'

const outDir = outputFolder(
  process.argv.slice(2),
  'npm run package -- [FOLDER]\n\nWrites the package cio-gcp-<version>.tgz into FOLDER, dist by default.',
)
if (outDir !== undefined) {
  await mkdir(join(PROJECT_ROOT, '.local'), { recursive: true })
  const stage = await mkdtemp(join(PROJECT_ROOT, '.local', 'package-'))
  try {
    await stagePackage(stage)
    console.log(`packed ${relative(process.cwd(), await pack(stage, outDir))}`)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}
