import { writeFileSync } from 'node:fs'
import { env, memoryUsage } from 'node:process'

/** Loaded into a function by `--import`: keeps the most that its heap and its buffers have taken, in MiB, in a file. */
const file = env.HEAP_WATCH_FILE
let mostMiB = 0
const look = () => {
  const { heapUsed, external } = memoryUsage()
  const usedMiB = (heapUsed + external) / 1_048_576
  if (file === undefined || usedMiB <= mostMiB) return
  mostMiB = usedMiB
  writeFileSync(file, usedMiB.toFixed(0))
}
setInterval(look, 20).unref()
