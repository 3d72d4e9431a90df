import { join } from 'node:path'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'

/** Builds the functions once for all suites of a run, which find them by `TEST_BUNDLES`; without it each builds its own. */
export default async function buildForTests(): Promise<void> {
  const directory = join(PROJECT_ROOT, '.local', 'test-bundles')
  await buildFunctions(directory, undefined, { contents: true })
  process.env.TEST_BUNDLES = directory
}
