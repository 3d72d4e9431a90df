import type { Finding } from '../finding.ts'
import { ok, wrong } from '../finding.ts'
import type { WayIn } from '../webhooks/way-in.ts'
import type { Plan } from './plan.ts'
import { unreadPolicy } from './policies.ts'
import { type Allowed, allows, isEnforced, type Policy, readPolicy } from './policy.ts'
import type { Answer, Read } from './read.ts'

const AREA = "webhook's way in"

/** Who may be named in a permission. Organisations that were made since 2024-05-03 enforce one of them. */
const MEMBERS = ['iam.allowedPolicyMemberDomains', 'iam.managed.allowedPolicyMembers'] as const
/** Enforced, it refuses `gcloud run services update --no-invoker-iam-check`. */
const INVOKER_CHECK = 'run.managed.requireInvokerIam'

/** What the organisation leaves open; undefined where it could not be read. */
export interface Openings {
  /** `allUsers` may be given roles/run.invoker. */
  readonly allUsers: Allowed
  /** Constraints that refuse `allUsers`. */
  readonly refusing: readonly string[]
  /** The check of callers may be switched off. */
  readonly noInvokerCheck: Allowed
}

/**
 * Which way in fits, of those that Google documents: https://cloud.google.com/run/docs/authenticating/public and, for the
 * exception, https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains.
 */
export async function examineWayIn(read: Read, plan: Plan): Promise<readonly Finding[]> {
  const readings = await Promise.all(
    [...MEMBERS, INVOKER_CHECK].map(async (constraint) => {
      const answer = await readPolicy(read, plan, constraint)
      return { constraint, answer, allowed: openingOf(constraint, answer) }
    }),
  )
  const ofMembers = readings.filter(({ constraint }) => constraint !== INVOKER_CHECK)
  const refusing = ofMembers.filter(({ allowed }) => allowed === false).map(({ constraint }) => constraint)
  const openings = {
    allUsers: refusing.length > 0 ? false : ofMembers.every(({ allowed }) => allowed === true) || undefined,
    refusing,
    noInvokerCheck: readings.find(({ constraint }) => constraint === INVOKER_CHECK)?.allowed,
  }
  const unread = readings.flatMap(({ constraint, answer }) =>
    answer.kind === 'unread' || answer.kind === 'disabled'
      ? [unreadPolicy(AREA, constraint, answer, 'It decides how Customer.io may reach the webhook.')]
      : [],
  )
  return [judge(plan.wayIn, openings), ...unread]
}

/** What the chosen way in meets. Pure. */
export function judge(chosen: WayIn, { allUsers, refusing, noInvokerCheck }: Openings): Finding {
  const [opening, other, otherWay] =
    chosen === 'invoker_check_disabled'
      ? ([noInvokerCheck, allUsers, 'all_users'] as const)
      : ([allUsers, noInvokerCheck, 'invoker_check_disabled'] as const)
  if (opening === true) return ok(AREA, `${chosen} fits`)
  const instead = other === false ? 'org_policy_exception' : otherWay
  const fix = `Set webhook_access: ${instead} in values.yaml (terraform/README.md says who may apply it).`
  if (opening === undefined)
    return { area: AREA, state: 'unknown', note: `${chosen} may be refused`, fix: `If it is: ${fix}` }
  if (chosen === 'invoker_check_disabled') return wrong(AREA, `${INVOKER_CHECK} keeps the check of callers on`, fix)
  const note = `${refusing.join(' and ')} refuses permissions of allUsers`
  if (chosen === 'all_users') return wrong(AREA, note, fix)
  const constraints = JSON.stringify(refusing)
  const apply = `Whoever has roles/orgpolicy.policyAdmin first applies terraform/bootstrap/org-policy, with -var 'constraints=${constraints}'.`
  return wrong(AREA, `${note}: the exception is not in force`, apply)
}

function openingOf(constraint: string, answer: Answer<Policy>): Allowed {
  if (answer.kind !== 'found') return answer.kind === 'absent' ? true : undefined
  const { value: policy } = answer
  if (constraint === INVOKER_CHECK) return !isEnforced(policy)
  // A list of customers and organisations: whatever it names, `allUsers` is not among it.
  if (constraint === 'iam.allowedPolicyMemberDomains') return allows(policy, () => false)
  const subjects = policy.spec.rules.flatMap(({ parameters }) => parameters?.allowedMemberSubjects ?? [])
  return !isEnforced(policy) || subjects.includes('allUsers')
}
