import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { SCENARIOS } from './largest-messages.ts'
import { type Soaked, soak } from './soak.ts'

const HELP = `node scripts/chaos/memory.ts [--bundles DIR] [SCENARIO...]

Sends the largest messages there are to the built functions, as many at once as the function is given, under the memory
that pipeline.yaml gives it. Each message is sent until it is answered 204.
Ends with 1 when a process ends or takes more than its memory.

Scenarios: ${Object.keys(SCENARIOS).join(', ')}
--bundles  a directory with functions/<name> that is built already, such as another version's
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { bundles: { type: 'string' }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  mkdirSync(join(PROJECT_ROOT, '.local'), { recursive: true })
  const own = mkdtempSync(join(PROJECT_ROOT, '.local', 'soak-'))
  try {
    if (values.bundles === undefined) await buildFunctions(join(own, 'functions'))
    const directory = values.bundles === undefined ? own : resolve(values.bundles)
    let failed = 0
    for (const name of positionals.length > 0 ? positionals : Object.keys(SCENARIOS)) {
      const scenario = SCENARIOS[name]?.()
      if (scenario === undefined) throw new Error(`no scenario ${name}: one of ${Object.keys(SCENARIOS).join(', ')}`)
      console.log(`${name}: ${scenario.concurrency} at once, ${scenario.messages} ${scenario.what}`)
      const soaked = await soak(directory, scenario)
      console.log(`  ${told(soaked)}`)
      if (!soaked.survived || soaked.delivered < scenario.messages) failed++
    }
    return failed === 0 ? 0 : 1
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

function told({ answers, survived, limitMiB, mostResidentMiB, mostUsedMiB, seconds }: Soaked): string {
  const counts = [...answers].map(([status, count]) => `${count} × ${status === 0 ? 'cut' : status}`).join(', ')
  const memory = `resident at most ${mostResidentMiB.toFixed(0)} of ${limitMiB} MiB, heap and buffers ${mostUsedMiB} MiB`
  return `${survived ? 'survived' : 'ENDED'} after ${seconds.toFixed(1)} s: ${counts}; ${memory}`
}

process.exitCode = await main()
