/**
 * Two builds of `track` side by side in one run: messages per second and CPU per message at saturation.
 *
 *     node scripts/bench/compare.ts BEFORE [AFTER]     # folders of bundles, inside this project; AFTER is built when left out
 *
 * A folder holds what `npm run build` writes to `dist`, for example from another work tree.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { saturate, warmUp } from './figures/figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './figures/throughput.ts'
import { Lab } from './lab/lab.ts'
import type { Measurement } from './lab/measure.ts'
import { median } from './statistics.ts'

const ROUNDS = 5
/** Rounds before those that count: V8 compiles again what the first thousands of messages let it assume. */
const WARM_UP_ROUNDS = 2
const SECONDS = 4

const [before, after] = process.argv.slice(2)
if (before === undefined) throw new Error('name the folder of the bundles to compare with')

const root = join(PROJECT_ROOT, '.local', 'compare')
rmSync(root, { recursive: true, force: true })
const built = join(root, 'built')
if (after === undefined) await buildFunctions(built)

/** A lab whose instances are of one build. */
async function labOf(name: string, bundles: string): Promise<Lab> {
  const directory = join(root, name)
  mkdirSync(directory, { recursive: true })
  symlinkSync(resolve(bundles), join(directory, 'functions'))
  return await Lab.open(directory)
}

const labs = [await labOf('before', before), await labOf('after', after ?? built)] as const
try {
  const [lab] = labs
  const sink = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
  const connections = readTopology().functions.track?.concurrency ?? 1
  const instances = await Promise.all(labs.map((each) => each.instance('track', { customerio: sink })))
  await warmUp({ lab, quick: false }, instances, 'track', connections)
  const rounds: Measurement[][] = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const measured: Measurement[] = []
    // Each goes first in turn: the second meets a machine that the first has warmed.
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const instance = instances[index]
      if (instance === undefined) continue
      const of = { instance, sink, messages: 'track', connections } as const
      measured[index] = await saturate({ lab, seconds: SECONDS }, of)
    }
    if (round >= 0) rounds.push(measured)
  }
  for (const [index, name] of ['before', 'after'].entries()) {
    const of = (value: 'acceptedPerSecond' | 'cpuMicrosecondsPerMessage') =>
      median(rounds.flatMap((round) => round[index]?.[value] ?? []))
    const cpu = of('cpuMicrosecondsPerMessage').toFixed(1)
    console.log(`${name}: ${Math.round(of('acceptedPerSecond'))} messages/s, ${cpu} µs of CPU per message`)
  }
} finally {
  for (const lab of labs) await lab.close()
}
