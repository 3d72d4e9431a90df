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
  /** The check of callers may be switched off. */
  readonly noInvokerCheck: Allowed
}

/**
 * Which way in fits, of those that Google documents: https://cloud.google.com/run/docs/authenticating/public and, for the
 * exception, https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains.
 */
export async function examineWayIn(read: Read, plan: Plan): Promise<readonly Finding[]> {
  const constraints = [...MEMBERS, INVOKER_CHECK]
  const [domains, members, check] = await Promise.all(constraints.map((each) => readPolicy(read, plan, each)))
  const openings = {
    allUsers: both(openingOf(domains, allowsEverybody), openingOf(members, allowsSubjects)),
    noInvokerCheck: openingOf(check, (policy) => !isEnforced(policy)),
  }
  const unread = [domains, members, check].flatMap((answer, index) =>
    answer?.kind === 'unread' || answer?.kind === 'disabled'
      ? [unreadPolicy(AREA, constraints[index] ?? '', answer, 'It decides how Customer.io may reach the webhook.')]
      : [],
  )
  return [judge(plan.wayIn, openings), ...unread]
}

/** What the chosen way in meets. Pure. */
export function judge(chosen: WayIn, { allUsers, noInvokerCheck }: Openings): Finding {
  const use = (way: WayIn) => `Set webhook_access: ${way} in values.yaml (terraform/README.md says who may apply it).`
  const [opening, other, otherWay] =
    chosen === 'invoker_check_disabled'
      ? ([noInvokerCheck, allUsers, 'all_users'] as const)
      : ([allUsers, noInvokerCheck, 'invoker_check_disabled'] as const)
  const instead = use(other === false ? 'org_policy_exception' : otherWay)
  if (opening === true) return ok(AREA, `${chosen} fits`)
  if (opening === undefined) {
    return { area: AREA, state: 'unknown', note: `${chosen} may be refused`, fix: `If it is: ${instead}` }
  }
  if (chosen === 'org_policy_exception') {
    const fix = 'Whoever has roles/orgpolicy.policyAdmin applies terraform/bootstrap with it first.'
    return wrong(AREA, 'the exception is not in force yet: allUsers is refused', fix)
  }
  if (chosen === 'all_users') return wrong(AREA, 'the organisation refuses permissions of allUsers', instead)
  return wrong(AREA, `${INVOKER_CHECK} does not let the check of callers be disabled`, instead)
}

/** A list of customers and organisations: anything but `allowAll` leaves `allUsers` out. */
function allowsEverybody(policy: Policy): Allowed {
  return allows(policy, () => false)
}

function allowsSubjects(policy: Policy): Allowed {
  if (!isEnforced(policy)) return true
  const subjects = policy.spec.rules.flatMap(({ parameters }) => parameters?.allowedMemberSubjects ?? [])
  return subjects.includes('allUsers')
}

function openingOf(answer: Answer<Policy> | undefined, test: (policy: Policy) => Allowed): Allowed {
  if (answer?.kind === 'found') return test(answer.value)
  return answer?.kind === 'absent' ? true : undefined
}

function both(one: Allowed, other: Allowed): Allowed {
  if (one === false || other === false) return false
  return one === true && other === true ? true : undefined
}
