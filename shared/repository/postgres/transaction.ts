import { codeOf } from '../../errors/index.ts'
import type { PostgresClient, PostgresPool, PostgresQueries } from './pool.ts'

/** Deadlock, and a conflict of serializable transactions: the same work succeeds when it is done again. */
const AGAIN = new Set(['40P01', '40001'])
const MAX_ATTEMPTS = 20

/** PostgreSQL's code of an error, as in `22P02`; undefined for what is no error of the database. */
export function sqlState(error: unknown): string | undefined {
  const code = codeOf(error)
  return code === undefined ? undefined : String(code)
}

/** Does `work` again when another transaction was in its way. It must leave nothing behind when it fails. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !AGAIN.has(sqlState(error) ?? '')) throw error
    }
  }
}

/** Each query of a pool by itself, done again when another transaction was in its way. */
export function retryingQueries(pool: PostgresPool): PostgresQueries {
  return { query: (sql, values) => retrying(() => pool.query(sql, values)) }
}

/** Runs `work` in a transaction: committed when it resolves, rolled back when it throws. It may be run several times. */
export function inTransaction<T>(pool: PostgresPool, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  return retrying(() => once(pool, work))
}

async function once<T>(pool: PostgresPool, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  // A connection that is lost between two queries says so by this event, and would end the process if nobody listened.
  const lost = (error: Error) => {
    broken = error
  }
  client.on('error', lost)
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    // A connection that cannot even roll back is not fit for the next one.
    await client.query('ROLLBACK').catch(lost)
    throw error
  } finally {
    client.off('error', lost)
    client.release(broken)
  }
}
