import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { readEnvironment } from '../environment.ts'
import { examineBudget } from './budget.ts'
import { planOf } from './plan.ts'
import type { Read } from './read.ts'

/** Google answers with these permissions, or refuses; each question is kept. */
function billing(status: number, permissions: readonly string[] = []) {
  const asked: unknown[] = []
  const read: Read = async (api, path, schema, body) => {
    asked.push([api, path, body])
    return status === 200
      ? { kind: 'found', value: schema.parse({ permissions }) }
      : { kind: 'unread', why: `${status}: denied` }
  }
  return { asked, read }
}
const BUDGET = { billing_account: '012345-6789AB-CDEF01', amount_per_month: 500 }
const dev = readEnvironment('dev', PROJECT_ROOT)
const planWith = (budget: unknown) =>
  planOf({ ...dev, values: { project_id: 'acme', region: 'europe-west1', budget } }, readTopology())

it('asks the billing account of the budget whether you may create one', async () => {
  const { asked, read } = billing(200, ['billing.budgets.create'])
  expect(await examineBudget(read, planWith(BUDGET))).toEqual([
    { area: 'budget', state: 'ok', note: 'you may create it on 012345-6789AB-CDEF01' },
  ])
  expect(asked).toEqual([
    [
      'cloudbilling',
      '/v1/billingAccounts/012345-6789AB-CDEF01:testIamPermissions',
      { permissions: ['billing.budgets.create'] },
    ],
  ])
})

it.each([
  [200, 'wrong', 'you lack billing.budgets.create on the billing account 012345-6789AB-CDEF01'],
  [403, 'unknown', 'the billing account 012345-6789AB-CDEF01 could not be read (403: denied)'],
])('an answer of %i without it is %s, and says whom to ask', async (status, state, note) => {
  const [finding] = await examineBudget(billing(status).read, planWith(BUDGET))
  expect(finding).toMatchObject({ state, note, fix: expect.stringContaining('roles/billing.costsManager') })
})

it('asks nothing where no budget is wanted', async () => {
  const { asked, read } = billing(200)
  expect(await examineBudget(read, planWith(null))).toEqual([])
  expect(asked).toEqual([])
})
