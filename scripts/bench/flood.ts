/**
 * What one object's flood does to everybody else, behind a Pub/Sub that lowers its push rate after failures as Google
 * documents it: 4,000 updates of the object at once, then 200 people per second for ten seconds.
 *
 *     node scripts/bench/flood.ts            # in virtual time: seconds, and the same figures everywhere
 *     node scripts/bench/flood.ts --built    # the built `identify` function: some minutes, on an otherwise idle machine
 *
 * The second also measures what items that make their batches fail do to the others. TEST_BUNDLES names other bundles.
 */
import { measureFlood, measureNeedlessRetries } from './measure-flood.ts'
import { FLOODS, SUBSCRIPTION_STATES, simulateFlood } from './simulate-flood.ts'

const isBuilt = process.argv.includes('--built')
const measure = isBuilt ? measureFlood : simulateFlood
for (const state of SUBSCRIPTION_STATES) {
  const people = { state, peoplePerSecond: 200, seconds: 10 }
  console.log(state, 'without a flood', await measure({ ...people, flood: 0, floodIn: 'no order' }))
  for (const floodIn of FLOODS) console.log(state, floodIn, await measure({ ...people, flood: 4_000, floodIn }))
}
if (isBuilt) console.log('needless retries', await measureNeedlessRetries(10, 6_000))
