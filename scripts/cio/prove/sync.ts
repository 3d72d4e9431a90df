import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from 'pg'
import type { Stack } from '../../local/stack.ts'
import type { CommandLine } from '../testing/command-line.ts'
import { runKilled } from './kills.ts'

export interface SyncProof {
  readonly stack: Stack
  readonly cio: CommandLine
  readonly pool: Pool
  /** For files of its own. */
  readonly directory: string
  readonly users: number
  readonly kills: number
  readonly random: () => number
}

export interface SyncProven {
  readonly killed: number
  /** Users whose attributes at Customer.io are not exactly those of the table. */
  readonly different: readonly string[]
  /** What a second run published; 0 when everything was noted. */
  readonly sentAgain: number
  /** Messages in all: more than users by what was accepted and not noted before a kill. */
  readonly published: number
}

const MAPPING = `
table: users
id: id
email: email
never: [password]
attributes:
  name: string
  seats: { column: seat_count, type: number }
`

/** Syncs a users table with a command that is killed at random points, and compares every user with Customer.io. */
export async function proveSync(proof: SyncProof): Promise<SyncProven> {
  const { stack, pool, users } = proof
  await pool.query(
    'CREATE TABLE users (id text PRIMARY KEY, email text, name text, seat_count int, password text NOT NULL)',
  )
  await pool.query(
    `INSERT INTO users SELECT 'u' || n, 'u' || n || '@example.com', 'User ' || n, n % 7, 'secret' FROM generate_series(1, $1) n`,
    [users],
  )
  const mapping = join(proof.directory, 'users.yaml')
  writeFileSync(mapping, MAPPING)
  const { host = 'localhost', port, user, database } = pool.options
  const env = { PGHOST: host, PGPORT: String(port), PGUSER: user ?? '', PGDATABASE: database ?? '' }
  const args = ['sync', '--mapping', mapping, '--migrate', '--page-size', '200']
  const topic = `projects/${stack.endpoints.projectId}/topics/identify`
  let published = 0
  const count = (event: { readonly topic: string }) => {
    if (event.topic === topic) published++
  }
  stack.pubsub.events.on('published', count)
  const { last, killed } = await runKilled({ ...proof, args, env, pubsub: stack.pubsub, topic, messages: users })
  if (last.code !== 0) throw new Error(`the last run ended with ${last.code}:\n${last.stdout}${last.stderr}`)
  const before = published
  const again = await proof.cio.run(args, { env })
  stack.pubsub.events.off('published', count)
  if (again.code !== 0) throw new Error(`the second run ended with ${again.code}:\n${again.stderr}`)
  await idle(stack)
  return { killed, different: await differing(stack, pool), sentAgain: published - before, published: before }
}

async function idle({ pubsub, endpoints }: Stack): Promise<void> {
  const name = `projects/${endpoints.projectId}/subscriptions/identify`
  while (pubsub.stats(name).outstanding > 0) await once(pubsub.events, 'acknowledged')
}

async function differing({ customerio }: Stack, pool: Pool): Promise<string[]> {
  const { rows } = await pool.query('SELECT id, email, name, seat_count AS seats FROM users ORDER BY id')
  return rows.flatMap(({ id, ...expected }) => {
    const found = customerio.workspace.people.find({ kind: 'id', value: id })?.attributes.toObject()
    const same = found !== undefined && JSON.stringify(sorted(found)) === JSON.stringify(sorted(expected))
    return same ? [] : [id]
  })
}

function sorted(values: object): unknown {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
}
