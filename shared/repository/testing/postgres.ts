import { execFile, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Pool } from 'pg'

/** A PostgreSQL for tests: the driver speaks the real wire protocol to it. */
export interface TestPostgres extends AsyncDisposable {
  readonly pool: Pool
}

const run = promisify(execFile)
const CONNECTIONS = 8

/** A new database cluster: to make one takes seconds, so a process makes it once. */
let cluster: Promise<Blob> | undefined

async function newCluster(): Promise<Blob> {
  const db = await PGlite.create()
  try {
    return await db.dumpDataDir('none')
  } finally {
    await db.close()
  }
}

/** Writes a new cluster to a file for processes that find it by `TEST_POSTGRES_CLUSTER`. */
export async function writeCluster(file: string): Promise<void> {
  await writeFile(file, (await newCluster()).stream())
}

async function readOrMakeCluster(): Promise<Blob> {
  const file = process.env.TEST_POSTGRES_CLUSTER
  return file === undefined ? newCluster() : new Blob([await readFile(file)])
}

/**
 * PostgreSQL compiled to WebAssembly, in this process, behind its wire protocol: there is one on every machine.
 * It has one session, and the messages of two connections would mix in it: the pool must be of one. The server takes
 * more, since the pool replaces a connection after an error before the old one is closed.
 */
export async function startEmbeddedPostgres(): Promise<TestPostgres> {
  cluster ??= readOrMakeCluster()
  const db = await PGlite.create({ loadDataDir: await cluster })
  const server = new PGLiteSocketServer({ db, port: 0, maxConnections: CONNECTIONS })
  await server.start()
  const [host, port] = server.getServerConn().split(':')
  const pool = new Pool({ host, port: Number(port), user: 'postgres', database: 'postgres', max: 1 })
  return {
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.end()
      await server.stop()
      await db.close()
    },
  }
}

/** The address of a server that is there: a person's, or that of the run of tests. */
const addressOfServer = (): string | undefined => process.env.DATABASE_URL ?? process.env.TEST_POSTGRES_SERVER

/** True when there is a PostgreSQL server to test on: one that runs, or its programs on the path. */
export function hasPostgresServer(): boolean {
  return addressOfServer() !== undefined || spawnSync('initdb', ['--version']).status === 0
}

/** A PostgreSQL server: one that runs with a database of its own, else one started here. */
export async function startPostgresServer(): Promise<TestPostgres> {
  const url = addressOfServer()
  if (url !== undefined) return useServer(url)
  const server = await startServer()
  const pool = poolOf(server.url)
  return {
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.end()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Whichever is there: a server starts in a third of the time. */
export function startAnyPostgres(): Promise<TestPostgres> {
  return hasPostgresServer() ? startPostgresServer() : startEmbeddedPostgres()
}

function poolOf(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: CONNECTIONS })
  // Idle connections may meet the shutdown before they are closed.
  pool.on('error', () => {})
  return pool
}

async function useServer(url: string): Promise<TestPostgres> {
  const database = `customerio_test_${randomUUID().replaceAll('-', '')}`
  const admin = new Pool({ connectionString: url, max: 1 })
  await admin.query(`CREATE DATABASE ${database}`)
  const pool = poolOf(Object.assign(new URL(url), { pathname: database }).href)
  return {
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.end()
      await admin.query(`DROP DATABASE ${database}`)
      await admin.end()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** PostgreSQL refuses to run as root: then its processes run as the user `nobody`. */
async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'nobody'])).stdout)),
  )
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) }
}

/** A server in a directory of its own, from the programs on the path. */
export async function startServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'postgres-'))
  const user = await unprivileged()
  if (user.uid !== undefined && user.gid !== undefined) await chown(directory, user.uid, user.gid)
  const data = join(directory, 'data')
  await run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], user)
  const port = await freePort()
  const server = spawn('postgres', ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, '-F'], {
    ...user,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const kill = () => server.kill('SIGKILL')
  process.once('exit', kill)
  const exited = once(server, 'exit')
  await new Promise<void>((resolve, reject) => {
    let log = ''
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`postgres did not start: ${log}`)))
  })
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', kill)
      server.kill('SIGINT') // fast shutdown
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}
