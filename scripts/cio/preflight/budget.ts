import type { Finding } from '../finding.ts'
import { ok, wrong } from '../finding.ts'
import type { Plan } from './plan.ts'
import { permissionsSchema } from './project.ts'
import { type Read, unknown } from './read.ts'

const AREA = 'budget'
const FIX =
  'Ask a billing administrator for roles/billing.costsManager on the billing account, or set budget: null in values.yaml.'

/** A budget belongs to the billing account, which roles of the project say nothing about. Nothing without a budget. */
export async function examineBudget(
  read: Read,
  { budgetAccount }: Pick<Plan, 'budgetAccount'>,
): Promise<readonly Finding[]> {
  if (budgetAccount === undefined) return []
  const permissions = ['billing.budgets.create']
  const path = `/v1/billingAccounts/${budgetAccount}:testIamPermissions`
  const answer = await read('cloudbilling', path, permissionsSchema, { permissions })
  if (answer.kind !== 'found') return [unknown(AREA, `the billing account ${budgetAccount}`, answer, FIX)]
  if (answer.value.permissions.length > 0) return [ok(AREA, `you may create it on ${budgetAccount}`)]
  return [wrong(AREA, `you lack ${permissions.join(', ')} on the billing account ${budgetAccount}`, FIX)]
}
