import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { amountOf, drawChart, targetOf } from './chart.ts'
import { coldStart } from './figures/cold-start.ts'
import { cpu } from './figures/cpu.ts'
import { drain } from './figures/drain.ts'
import { endToEnd } from './figures/end-to-end.ts'
import type { Figure } from './figures/figure.ts'
import { growth } from './figures/growth.ts'
import { idleLatency } from './figures/idle-latency.ts'
import { memory } from './figures/memory.ts'
import { record } from './figures/record.ts'
import { throughput } from './figures/throughput.ts'
import { urgent } from './figures/urgent.ts'
import { warehouse } from './figures/warehouse.ts'
import { webhook } from './figures/webhook.ts'
import { buildAll } from './lab/bundles.ts'
import { Lab } from './lab/lab.ts'
import { describeMachine } from './machine.ts'
import { modelFrom } from './modelled.ts'
import { reportOf, withReport } from './report.ts'
import { FIGURE_NAMES, type FigureName, RESULTS, readResults, storeResult } from './results.ts'

const FIGURES: Readonly<Record<FigureName, Figure>> = {
  throughput,
  'idle-latency': idleLatency,
  cpu,
  webhook,
  warehouse,
  'cold-start': coldStart,
  memory,
  growth,
  record,
  urgent,
  'end-to-end': endToEnd,
  drain,
}

const HELP = `npm run bench -- [--only NAME]… [--rounds N] [--quick] [--report]

  --only     one figure, or several: ${FIGURE_NAMES.join(', ')}
  --rounds   how many undisturbed rounds each figure wants; 5 by default
  --quick    short and of one round, written to .local/bench/results: shows that it runs, tells nothing
  --report   measures nothing: writes chart and README from the results that are there`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [...FIGURE_NAMES] },
      rounds: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const names = FIGURE_NAMES.filter((name) => values.only.includes(name))
  const rounds = values.quick ? 1 : Number(values.rounds)
  if (values.help || names.length === 0 || !(rounds >= 1)) {
    console.log(HELP)
    return
  }
  if (!values.report) await measureAll(names, rounds, values.quick)
  if (!values.quick) writeReport()
}

async function measureAll(names: readonly FigureName[], rounds: number, quick: boolean): Promise<void> {
  // Google's clients would look for a metadata server, for seconds.
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const machine = describeMachine()
  console.log(`${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, ${machine.commit}`)
  const directory = join(PROJECT_ROOT, '.local', 'bench')
  await buildAll(directory)
  for (const name of names) {
    // A lab of its own for each figure: nothing of the one before is still running.
    const lab = await Lab.open(directory)
    try {
      console.log(`${name} …`)
      const measuredAt = new Date().toISOString()
      const result = await FIGURES[name].run({ lab, rounds, seconds: quick ? 1 : 3, quick, say: console.log })
      const folder = quick ? join(PROJECT_ROOT, '.local/bench/results') : RESULTS
      storeResult(folder, {
        name,
        measuredAt,
        machine,
        ...result,
        rows: [...result.rows],
        rounds: [...result.rounds],
        rejected: [...result.rejected],
      })
      for (const row of result.rows) {
        const mark = row.target === 'none' ? ' ' : row.met ? '✓' : '✗'
        console.log(
          `  ${mark} ${row.figure}, against ${row.against}: ${amountOf(row)} (${targetOf(row)}); ${row.inNumbers}`,
        )
      }
    } finally {
      await lab.close()
    }
  }
}

function writeReport(): void {
  const results = readResults()
  const growthResult = results.find(({ name }) => name === 'growth')
  const modelled = growthResult === undefined ? undefined : modelFrom(growthResult)
  writeFileSync(join(RESULTS, 'chart.svg'), drawChart(results))
  const readme = join(import.meta.dirname, 'README.md')
  writeFileSync(readme, withReport(readFileSync(readme, 'utf8'), reportOf(results, modelled)))
  if (modelled === undefined) return
  // The cost model is a file of its own.
  const { cost: _, ...input } = modelled.input
  writeFileSync(join(RESULTS, 'model.json'), `${JSON.stringify({ ...modelled, input }, null, 2)}\n`)
}

// A signal ends the process without its `exit` listeners, which end the instances.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await main()
