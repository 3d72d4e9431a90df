import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmbeddedPostgres } from '../../../shared/repository/testing/postgres.ts'
import { startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'
import { commitAccidents } from './accidents.ts'
import { seeded } from './kills.ts'
import { proveReplay } from './replay.ts'
import { proveSync } from './sync.ts'
import { proveTopicReplay } from './topic.ts'

const HELP = `npx node scripts/cio/prove/prove.ts sync|replay|topic|accidents [--number 100000] [--kills 10] [--seed 1] [--map]

Kills \`cio-gcp sync\`, \`cio-gcp dlq replay\` or \`cio-gcp replay\` (\`topic\`) at random points, resumes it, and compares what came of it one by one with what
should have. \`accidents\` makes ten mistakes of a new operator and prints the transcript. Exit 0 when nothing is missing, left,
doubled, or sent unasked.`

const KINDS: readonly string[] = ['sync', 'replay', 'topic', 'accidents']

/** The long form of what the tests of sync and dlq replay do. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      number: { type: 'string', default: '' },
      kills: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      map: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [what = ''] = positionals
  if (values.help || !KINDS.includes(what)) {
    console.log(HELP)
    return values.help ? 0 : 2
  }
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const directory = join(PROJECT_ROOT, '.local', `prove-${what}`)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const number = Number(values.number || (what === 'replay' ? 2_000 : 100_000))
  const kills = Number(values.kills)
  const random = seeded(Number(values.seed))
  if (what !== 'accidents')
    console.log(
      `${number} ${what === 'sync' ? 'users' : what === 'topic' ? 'messages' : 'dead letters'}, ${kills} kills, seed ${values.seed}`,
    )
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  const stack = await startStack({ directory, ports, functions: ['identify', 'track', 'transactional'] })
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const startedMs = performance.now()
  try {
    if (what === 'accidents') {
      const accidents = await commitAccidents({ stack, cio, directory })
      console.log(accidents.map(({ transcript }) => transcript).join('\n\n'))
      return accidents.every(({ harm }) => harm.length === 0) ? 0 : 1
    }
    if (what === 'topic') {
      const proven = await proveTopicReplay({
        ...{ stack, cio, messages: number, kills, random },
        ...(values.map && { mapIn: directory }),
      })
      report(proven, startedMs)
      const { wrong, left, counted } = proven
      const each = values.map ? Math.ceil(proven.messages / 9) : proven.messages / 3
      const isCounted = Object.values(counted).every((replayed) => replayed === each)
      return Object.values(wrong).every((faults) => faults === 0) && left.length === 0 && isCounted ? 0 : 1
    }
    if (what === 'replay') {
      const proven = await proveReplay({ stack, cio, letters: number, kills, random })
      report(proven, startedMs)
      return proven.leftBehind + proven.lost.length + proven.twice.length === 0 ? 0 : 1
    }
    const postgres = await startEmbeddedPostgres()
    try {
      const proven = await proveSync({ stack, cio, pool: postgres.pool, directory, users: number, kills, random })
      report(proven, startedMs)
      return proven.different.length + proven.sentAgain === 0 ? 0 : 1
    } finally {
      await postgres[Symbol.asyncDispose]()
    }
  } finally {
    await stack.close()
  }
}

function report(proven: object, startedMs: number): void {
  console.log(JSON.stringify(proven, null, 2))
  console.log(`${Math.round((performance.now() - startedMs) / 1_000)} s`)
}

process.exitCode = await main()
