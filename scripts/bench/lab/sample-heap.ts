/**
 * Loaded into an instance with `--import`: from its first SIGUSR2 to its second it samples what is allocated, with what is
 * collected meanwhile, and then writes the profile to the file that HEAP_SAMPLE names.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

const SAMPLING = {
  samplingInterval: 8_192,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
}

const session = new Session()
session.connect()
process.once('SIGUSR2', async () => {
  process.once('SIGUSR2', async () => {
    const { profile } = await session.post('HeapProfiler.stopSampling')
    const file = process.env.HEAP_SAMPLE ?? 'heap-sample.json'
    writeFileSync(`${file}.part`, JSON.stringify(profile))
    renameSync(`${file}.part`, file)
  })
  await session.post('HeapProfiler.startSampling', SAMPLING)
})
