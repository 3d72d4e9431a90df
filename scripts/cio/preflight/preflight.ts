import { readTopology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { type Finding, printFindings, refuseFaults } from '../finding.ts'
import { count } from '../output.ts'
import { examineBudget } from './budget.ts'
import { examineFirestore } from './firestore.ts'
import { examineNames } from './names.ts'
import { type Plan, planOf } from './plan.ts'
import { examinePolicies } from './policies.ts'
import { examineBilling, examinePermissions, examineProject, examineServices } from './project.ts'
import { examineQuotas } from './quota.ts'
import { type Read, readerOf } from './read.ts'
import { examineState } from './state.ts'
import { examineWayIn } from './way-in.ts'

const EXAMINATIONS: readonly ((read: Read, plan: Plan) => Promise<readonly Finding[]>)[] = [
  examineProject,
  examineBilling,
  examineBudget,
  examineServices,
  examinePermissions,
  examinePolicies,
  examineWayIn,
  examineFirestore,
  examineQuotas,
]

/**
 * What would stop an apply, found by reading alone.
 *
 * @throws when something would. What could not be read does not: only an apply shows it.
 */
export async function preflight(context: Context): Promise<void> {
  const { connection, output, signal } = context
  if (connection.environment === undefined) {
    throw usageError('preflight needs --env <name>', 'It compares the values of an environment with its project.')
  }
  const plan = planOf(connection.environment, readTopology())
  const read = readerOf(connection)
  const findings: Finding[] = []
  for (const examination of EXAMINATIONS) {
    signal.throwIfAborted()
    findings.push(...(await examination(read, plan)))
  }
  const { findings: ofState, managed } = await examineState(read, plan)
  findings.push(...ofState, ...(await examineNames(read, plan, managed)))
  printFindings(context, findings)
  refuseFaults(findings, `would stop an apply to ${connection.name}`)
  const open = findings.filter(({ state }) => state === 'unknown').length
  output.note(`nothing found that would stop an apply${open > 0 ? `; ${count(open, 'thing')} unknown` : ''}`)
}
