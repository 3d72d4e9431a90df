import { parseArgs } from 'node:util'
import { explore } from '../../shared/ledger/testing/search/explore.ts'
import { type Bounds, SETTINGS } from '../../shared/ledger/testing/search/setting.ts'

const HELP = `npm run search -- [--deliveries 2] [--mishaps 1] [--jumps 1]

Takes the send ledger through every sequence of steps of two workers and two messages within these bounds, and checks the
invariants of shared/ledger/README.md in every state.

  --deliveries  deliveries by Pub/Sub, in all
  --mishaps     crashes, lost or failed writes, calls that are refused, throttled or not answered
  --jumps       times that time passes, each to the next moment that a rule looks at

Prints the number of states. Exit 1, with the steps that lead there, when an invariant does not hold.`

/** A whole number, or undefined. */
function numberOf(text: string): number | undefined {
  return /^\d{1,2}$/.test(text) ? Number(text) : undefined
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      deliveries: { type: 'string', default: '2' },
      mishaps: { type: 'string', default: '1' },
      jumps: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  const [deliveries, mishaps, jumps] = [values.deliveries, values.mishaps, values.jumps].map(numberOf)
  if (values.help || deliveries === undefined || mishaps === undefined || jumps === undefined) {
    console.log(HELP)
    return values.help ? 0 : 2
  }
  const bounds: Bounds = { deliveries, mishaps, jumps }
  console.log(`at most ${deliveries} deliveries, ${mishaps} mishaps, ${jumps} jumps in time`)
  let all = 0
  let isBroken = false
  for (const setting of SETTINGS) {
    const startedMs = performance.now()
    const { states, transitions, ends, broken } = await explore(setting, bounds)
    all += states
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
    console.log(`${setting.name}: ${states} states, ${transitions} steps, ${ends} ends, ${seconds} s`)
    for (const { sentence, story } of broken) {
      isBroken = true
      console.log(`  does not hold: ${sentence}\n${story.map((step) => `    ${step}`).join('\n')}`)
    }
  }
  console.log(`${all} states${isBroken ? '' : ': every invariant holds in each'}`)
  return isBroken ? 1 : 0
}

process.exitCode = await main()
