import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startOneFunction } from './one-function.ts'

const HELP = `node scripts/chaos/memory.ts [--messages N] [--function track|identify]

Pushes many messages through one process and prints how much memory it takes on the way.
Ends with 1 when the last fifth of the run took clearly more than the second.
`
const CONCURRENT_PUSHES = 400
const SAMPLES = 25
/** What the garbage collector's own moods explain. */
const TOLERATED = 1.1

/** Resident memory of a process in MB, as Linux counts it. */
function residentMb(pid: number): number {
  const [, kilobytes = '0'] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/) ?? []
  return Number(kilobytes) / 1_024
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '500000' },
      function: { type: 'string', default: 'track' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const total = Number(values.messages)
  const name = values.function === 'identify' ? 'identify' : 'track'
  const {
    process: child,
    push,
    customerio,
    close,
  } = await startOneFunction(name, {
    customerio: { storeInbox: 'count', latencyMs: 5 },
  })
  const { pid } = child
  if (pid === undefined) throw new Error('the function is not running')
  const samples: number[] = []
  const startedAt = performance.now()
  let begun = 0
  let done = 0
  let failed = 0
  const body = (number: number) => ({
    identifiers: { id: `person-${number}` },
    ...(name === 'track' && { name: 'order_completed' }),
    attributes: { number, note: 'x'.repeat(200) },
  })
  const pusher = async () => {
    while (begun < total) {
      const number = begun++
      // As Pub/Sub does: a connection that the server closed a moment ago is no answer, and the message comes again.
      const deliver = () => push(body(number), { idempotency_key: `key-${number}` })
      const status = await deliver().catch(deliver)
      if (status !== 204) failed++
      if (++done % Math.floor(total / SAMPLES) === 0) {
        samples.push(residentMb(pid))
        const seconds = (performance.now() - startedAt) / 1_000
        console.log(
          `${String(done).padStart(8)} messages  ${seconds.toFixed(0).padStart(5)} s  ${samples.at(-1)?.toFixed(0)} MB`,
        )
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_PUSHES }, pusher))
  const { batches } = customerio.statistics()
  await close()
  const fifth = Math.floor(samples.length / 5)
  const [early, late] = [mean(samples.slice(fifth, 2 * fifth)), mean(samples.slice(-fifth))]
  console.log(`${failed} not answered 204, ${batches.mean.toFixed(0)} messages a request`)
  console.log(`second fifth ${early.toFixed(0)} MB, last fifth ${late.toFixed(0)} MB`)
  return failed === 0 && late <= early * TOLERATED ? 0 : 1
}

process.exitCode = await main()
