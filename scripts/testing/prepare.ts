import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeCluster } from '../../shared/repository/testing/postgres.ts'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'

/**
 * Makes once what many suites of a run start from: the functions, which they find by `TEST_BUNDLES`, and an empty database by
 * `TEST_POSTGRES_CLUSTER`. Without them each makes its own.
 */
export default async function prepare(): Promise<void> {
  const folder = join(PROJECT_ROOT, '.local')
  mkdirSync(folder, { recursive: true })
  const bundles = join(folder, 'test-bundles')
  const cluster = join(folder, 'test-postgres.tar')
  await Promise.all([buildFunctions(bundles, undefined, { contents: true }), writeCluster(cluster)])
  Object.assign(process.env, { TEST_BUNDLES: bundles, TEST_POSTGRES_CLUSTER: cluster })
}
