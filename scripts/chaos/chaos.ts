import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { TOPICS } from './messages.ts'
import { describeResult, isGood } from './report.ts'
import { runChaos } from './run.ts'
import { FAULTS, type FaultKind } from './schedule.ts'

const HELP = `npm run chaos -- [options]

Publishes to the built functions, each in several processes, while everything around them fails. Writes the history of
it and has it checked. Ends with 1 when the checker rejects it, or when others wait while one key floods.

  --seed N          decides messages and faults; the same seed is the same schedule (1)
  --minutes M       how long faults are made; fractions are allowed (2)
  --seconds S       the same in seconds
  --messages K      how many are published (35 per second)
  --on-not-found X  resend or dead_letter: what becomes of an uncertain send that Customer.io does not list
                    (resend for odd seeds, where a mistake would be a second send; dead_letter for even ones)
  --only KIND       makes no other kind of trouble: one of the names in the first column of the table
  --lane TOPIC      gives the bulk lane of this topic a function of its own, with a quarter of its rate
  --history FILE    where the history goes (.local/history-seed-N.jsonl)
  --keep            keep the directory with bundles and logs
  --verbose         print each fault as it is made
`
const MESSAGES_PER_SECOND = 35

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      messages: { type: 'string' },
      'on-not-found': { type: 'string' },
      only: { type: 'string' },
      lane: { type: 'string' },
      history: { type: 'string' },
      keep: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const seed = numberOf('seed', values.seed)
  const seconds = values.seconds ? numberOf('seconds', values.seconds) : 60 * numberOf('minutes', values.minutes ?? '2')
  const messages = Math.round(numberOf('messages', values.messages ?? String(seconds * MESSAGES_PER_SECOND)))
  const onNotFound = values['on-not-found'] ?? (seed % 2 === 1 ? 'resend' : 'dead_letter')
  if (onNotFound !== 'resend' && onNotFound !== 'dead_letter') throw new Error('--on-not-found: resend or dead_letter')

  const only = values.only === undefined ? undefined : kindOf(values.only)

  const lane = TOPICS.find((topic) => topic === values.lane)
  if (lane !== values.lane) throw new Error(`--lane ${values.lane}: expected one of ${TOPICS.join(', ')}`)

  // Within the project, where the bundles find the functions framework.
  mkdirSync(join(PROJECT_ROOT, '.local'), { recursive: true })
  const directory = mkdtempSync(join(PROJECT_ROOT, '.local', 'chaos-'))
  console.log(`seed ${seed}: ${messages} messages in ${seconds} s, uncertain sends that are not listed: ${onNotFound}`)
  const log = values.verbose ? (line: string) => console.log(line) : () => {}
  const result = await runChaos({ seed, seconds, messages, onNotFound, only, lane, directory, log })
  const file = values.history ?? join(PROJECT_ROOT, '.local', `history-seed-${seed}.jsonl`)
  writeFileSync(file, result.history.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const good = isGood(result)
  if (good && !values.keep) rmSync(directory, { recursive: true })
  else console.log(`bundles and logs: ${directory}`)
  console.log(describeResult(result))
  console.log(`history: ${file}`)
  return good ? 0 : 1
}

function kindOf(name: string): FaultKind {
  const kind = Object.keys(FAULTS).find((known): known is FaultKind => known === name)
  if (kind === undefined) throw new Error(`--only ${name}: expected one of ${Object.keys(FAULTS).join(', ')}`)
  return kind
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (!(number >= 0)) throw new Error(`--${name} ${text}: expected a number`)
  return number
}

process.exitCode = await main()
