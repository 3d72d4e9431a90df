import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasPostgresServer, startServer, writeCluster } from '../../shared/repository/testing/postgres.ts'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'

let postgres: Awaited<ReturnType<typeof startServer>> | undefined

/**
 * Makes once what many suites of a run start from: the functions, which they find by `TEST_BUNDLES`, an empty database by
 * `TEST_POSTGRES_CLUSTER`, and a PostgreSQL server by `TEST_POSTGRES_SERVER`, if its programs are here. Without them each makes
 * its own.
 */
export default async function prepare(): Promise<void> {
  const folder = join(PROJECT_ROOT, '.local')
  mkdirSync(folder, { recursive: true })
  const bundles = join(folder, 'test-bundles')
  const cluster = join(folder, 'test-postgres.tar')
  const mayStart = process.env.DATABASE_URL === undefined && hasPostgresServer()
  const [, , server] = await Promise.all([
    buildFunctions(bundles, undefined, { contents: true }),
    writeCluster(cluster),
    mayStart ? startServer() : undefined,
  ])
  postgres = server
  Object.assign(process.env, {
    TEST_BUNDLES: bundles,
    TEST_POSTGRES_CLUSTER: cluster,
    ...(server !== undefined && { TEST_POSTGRES_SERVER: server.url }),
  })
}

/** Ends what {@link prepare} has started. */
export async function end(): Promise<void> {
  await postgres?.[Symbol.asyncDispose]()
}
