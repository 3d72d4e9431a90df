/**
 * How many bytes of new objects `track` makes per message, and in which functions. What is made has to be collected, and with
 * 1,000 pushes under way most of it is still alive when the collector comes: this decides its share of the CPU. Other than times,
 * the number is the same on a busy machine, within 1 %.
 *
 *     node scripts/bench/allocations.ts [BUNDLES]     # a folder of bundles, inside this project; built when left out
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { buildFunctions } from '../build/build.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { CUSTOMERIO_LATENCY_MS } from './figures/throughput.ts'
import { Lab } from './lab/lab.ts'

const MESSAGES = 10_000
const CONNECTIONS = 200
const ENTRIES = 30
/** A signal reaches a busy process within it. */
const SIGNAL_MS = 300

interface Node {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly selfSize: number
  readonly children: readonly Node[]
}
const node: z.ZodType<Node> = z.object({
  callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
  selfSize: z.number(),
  get children() {
    return z.array(node)
  },
})
const profile = z.object({ head: node })

function addUp({ callFrame, selfSize, children }: Node, bytes: Map<string, number>): Map<string, number> {
  const { functionName, url, lineNumber } = callFrame
  const name = `${functionName || '(anonymous)'} ${url.replace(/^.*\//, '')}:${lineNumber + 1}`
  bytes.set(name, (bytes.get(name) ?? 0) + selfSize)
  for (const child of children) addUp(child, bytes)
  return bytes
}

const [bundles] = process.argv.slice(2)
const directory = join(PROJECT_ROOT, '.local', 'allocations')
rmSync(directory, { recursive: true, force: true })
mkdirSync(directory, { recursive: true })
if (bundles === undefined) await buildFunctions(join(directory, 'functions'), ['track'])
else symlinkSync(resolve(bundles), join(directory, 'functions'))
const file = join(directory, 'sample.json')
const lab = await Lab.open(directory)
try {
  const customerio = await lab.sink({ kind: 'customerio', latencyMs: CUSTOMERIO_LATENCY_MS })
  const nodeArguments = ['--import', join(import.meta.dirname, 'lab', 'sample-heap.ts')]
  const { port, pid } = await lab.instance('track', { customerio }, { nodeArguments, env: { HEAP_SAMPLE: file } })
  const send = (count: number) => lab.load({ kind: 'count', port, messages: 'track', connections: CONNECTIONS, count })
  await send(MESSAGES)
  process.kill(pid, 'SIGUSR2')
  await delay(SIGNAL_MS)
  const [seen] = await send(MESSAGES)
  process.kill(pid, 'SIGUSR2')
  while (!existsSync(file)) await delay(SIGNAL_MS)
  const bytes = addUp(profile.parse(JSON.parse(readFileSync(file, 'utf8'))).head, new Map())
  const perMessage = (sum: number) => Math.round(sum / (seen?.answered ?? MESSAGES))
  console.log(`${perMessage([...bytes.values()].reduce((sum, each) => sum + each, 0))} bytes per message, of them`)
  for (const [name, sum] of [...bytes].sort(([, a], [, b]) => b - a).slice(0, ENTRIES))
    console.log(`${String(perMessage(sum)).padStart(6)}  ${name}`)
} finally {
  await lab.close()
}
