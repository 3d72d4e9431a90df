import { createRequire } from 'node:module'
import { relative } from 'node:path'
import type Published from '@jest/test-sequencer'
import { PROJECT_ROOT } from '../../topology/topology.ts'

// Its types are those of what `require` gives.
const { default: Sequencer }: typeof Published = createRequire(import.meta.url)('@jest/test-sequencer')
type Tests = Parameters<Published.default['sort']>[0]

/** Suites that take 5 seconds or more on an idle machine, the longest first. */
export const LONGEST: readonly string[] = [
  'scripts/cio/cio.test.ts',
  'scripts/local/start.test.ts',
  'scripts/simulate/simulate.test.ts',
  'scripts/chaos/bodies.test.ts',
  'scripts/chaos/outage.test.ts',
  'scripts/cio/replay/replay.test.ts',
  'shared/ledger/search.test.ts',
  'scripts/build/deployed.test.ts',
  'scripts/emulators/pubsub/contract.test.ts',
  'scripts/local/probe.test.ts',
  'scripts/cio/doctor/doctor.test.ts',
  'scripts/chaos/live.test.ts',
  'scripts/cio/person/stores.test.ts',
  'scripts/cio/person/erase.test.ts',
  'scripts/cio/sync/sync.test.ts',
  'scripts/console/connected.test.ts',
  'shared/repository/robustness.test.ts',
  'shared/repository/repository.test.ts',
  'shared/repository/user-store.test.ts',
]

/** Those of {@link LONGEST} in their order, then the others as they stand. Pure. */
export function longestFirst<Test extends { readonly path: string }>(tests: readonly Test[]): Test[] {
  const place = new Map(LONGEST.map((path, index) => [path, index]))
  const placeOf = ({ path }: Test) => place.get(relative(PROJECT_ROOT, path)) ?? LONGEST.length
  return [...tests].sort((a, b) => placeOf(a) - placeOf(b))
}

/** A long suite that starts last is what the end of the run waits for: on a fresh clone Jest knows no durations. */
export default class LongestFirst extends Sequencer {
  override async sort(tests: Tests): Promise<Tests> {
    return longestFirst(await super.sort(tests))
  }
}
