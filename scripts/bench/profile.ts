import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { buildAll } from './lab/bundles.ts'
import { type FunctionName, Lab } from './lab/lab.ts'
import type { MessageKind } from './load/messages.ts'

/** `node_modules/.bin/node scripts/bench/profile.ts track`: where an instance spends its time when it has all it can do. */
type Loaded = Exclude<FunctionName, 'probe'>
const LOADED: Readonly<Record<Loaded, MessageKind>> = {
  identify: 'identify',
  track: 'track',
  transactional: 'transactional',
  webhook: 'webhook',
  warehouse: 'webhook-event',
}
const SECONDS = 8
const ENTRIES = 30

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

/** Milliseconds of its own by function, the most first; what waits is left out. */
function ownTime(file: string): [name: string, milliseconds: number][] {
  const { nodes, samples, timeDeltas } = profileSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  const names = new Map(
    nodes.map(({ id, callFrame }) => {
      const place = callFrame.url.replace(/^.*node_modules\//, '').replace(/^file:.*\//, '')
      return [id, `${callFrame.functionName || '(anonymous)'} ${place}:${callFrame.lineNumber + 1}`]
    }),
  )
  const milliseconds = new Map<string, number>()
  samples.forEach((id, index) => {
    const name = names.get(id) ?? ''
    if (name.startsWith('(idle)')) return
    milliseconds.set(name, (milliseconds.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1_000)
  })
  return [...milliseconds].sort(([, a], [, b]) => b - a)
}

async function profile(name: Loaded): Promise<void> {
  const directory = join(PROJECT_ROOT, '.local', 'bench')
  const folder = join(directory, 'profiles', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await buildAll(directory)
  const lab = await Lab.open(directory)
  try {
    const sinks = {
      customerio: await lab.sink({ kind: 'customerio', latencyMs: 50 }),
      pubsub: await lab.sink({ kind: 'pubsub', latencyMs: 0 }),
      bigquery: await lab.sink({ kind: 'bigquery', latencyMs: 100 }),
      firestore: await lab.sink({ kind: 'firestore' }),
    }
    const instance = await lab.instance(name, sinks, { nodeArguments: ['--cpu-prof', `--cpu-prof-dir=${folder}`] })
    const connections = readTopology().functions[name]?.concurrency ?? 1
    const load = {
      kind: 'saturate',
      port: instance.port,
      messages: LOADED[name],
      connections,
      seconds: SECONDS,
    } as const
    const [seen] = await lab.load(load)
    await instance.close('SIGTERM')
    console.log(`${name}: ${seen?.accepted} messages in ${SECONDS} s`)
  } finally {
    await lab.close()
  }
  for (const file of readdirSync(folder)) {
    const entries = ownTime(join(folder, file))
    const total = entries.reduce((sum, [, milliseconds]) => sum + milliseconds, 0)
    for (const [entry, milliseconds] of entries.slice(0, ENTRIES)) {
      console.log(`${((milliseconds / total) * 100).toFixed(1).padStart(5)} %  ${entry}`)
    }
  }
}

const asked = Object.keys(LOADED).find((name): name is Loaded => name === process.argv[2])
if (asked === undefined) console.log(`node scripts/bench/profile.ts ${Object.keys(LOADED).join(' | ')}`)
else await profile(asked)
