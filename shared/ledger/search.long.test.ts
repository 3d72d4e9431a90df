import { explore } from './testing/search/explore.ts'
import { SETTINGS } from './testing/search/setting.ts'

// With every state that this has, it takes as long as all of search.test.ts.
it.each(SETTINGS.slice(0, 1))('every invariant holds where workers meet while time passes: $name', async (setting) => {
  const { states, broken } = await explore(setting, { deliveries: 2, mishaps: 0, jumps: 1 })
  expect(broken).toEqual([])
  expect(states).toBeGreaterThan(3_000)
  console.info(`${setting.name}: ${states} states`)
})
