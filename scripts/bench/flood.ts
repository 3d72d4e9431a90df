/**
 * What one key's flood, and items that make their batches fail, do to everybody else: the built `identify` function behind
 * the local Pub/Sub, which lowers its push rate after failures as Google documents it.
 *
 *     node scripts/bench/flood.ts                       # the bundles of this tree
 *     TEST_BUNDLES=/path/to/bundles node scripts/bench/flood.ts
 */
import { measureFlood } from './measure-flood.ts'

const people = { peoplePerSecond: 200, seconds: 10 }
const flooded = await measureFlood({ ...people, flood: 4_000, poison: 0, innocent: 0 })
const poisoned = await measureFlood({ flood: 0, peoplePerSecond: 10, seconds: 1, poison: 10, innocent: 6_000 })
console.log(JSON.stringify({ ...flooded, needlessRetries: poisoned.needlessRetries }, undefined, 2))
