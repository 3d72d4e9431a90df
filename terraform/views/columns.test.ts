import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPlans } from './bytes.ts'
import { columnsPage } from './columns.ts'

it('COLUMNS.md describes every column of every view as it is now', async () => {
  const plans = await openPlans()
  const page = readFileSync(join(import.meta.dirname, 'COLUMNS.md'), 'utf8')
  expect(await columnsPage(plans)).toBe(page)
  plans.closeSync()
})
