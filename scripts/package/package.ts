/**
 * Makes the package `cio-gcp`:
 *
 *   npm run package               writes dist/cio-gcp-<version>.tgz
 *   npm run package -- FOLDER     writes it there
 *
 * Install it with `npm install <file>.tgz`. README.md beside this file is what its users read first.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { pack, stagePackage } from './stage.ts'

await mkdir(join(PROJECT_ROOT, '.local'), { recursive: true })
const stage = await mkdtemp(join(PROJECT_ROOT, '.local', 'package-'))
try {
  await stagePackage(stage)
  const tarball = await pack(stage, resolve(process.argv[2] ?? join(PROJECT_ROOT, 'dist')))
  console.log(`packed ${relative(process.cwd(), tarball)}`)
} finally {
  await rm(stage, { recursive: true, force: true })
}
