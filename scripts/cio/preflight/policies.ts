import { type Finding, ok, wrong } from '../finding.ts'
import type { Plan } from './plan.ts'
import { type Allowed, allows, coveringLocation, isEnforced, named, type Policy, readPolicy } from './policy.ts'
import { type Answer, type Read, unknown } from './read.ts'

const AREA = 'policies'
const ASK = 'Ask whoever has roles/orgpolicy.policyAdmin'

/** What one organisation policy could refuse. */
interface Examination {
  readonly constraint: string
  /** Why the policy matters, for when it cannot be read. */
  readonly matters: string
  /** What the apply makes that the policy refuses, or may refuse. Pure. */
  readonly refused: (policy: Policy) => readonly { readonly what: string; readonly allowed: Allowed }[]
  readonly fix: string
}

/** All organisation policies that stop an apply, but those that decide over the webhook's way in. */
export async function examinePolicies(read: Read, plan: Plan): Promise<readonly Finding[]> {
  const all = examinationsOf(plan)
  const answers = await Promise.all(all.map(({ constraint }) => readPolicy(read, plan, constraint)))
  const findings = all.flatMap((examination, index) => findingsOf(examination, answers[index] ?? { kind: 'absent' }))
  return findings.length > 0 ? findings : [ok(AREA, `none of ${all.length} stops the apply`)]
}

function findingsOf({ constraint, matters, refused, fix }: Examination, answer: Answer<Policy>): readonly Finding[] {
  if (answer.kind === 'absent') return []
  if (answer.kind !== 'found') return [unreadPolicy(AREA, constraint, answer, matters)]
  const found = refused(answer.value).filter(({ allowed }) => allowed !== true)
  const no = found.filter(({ allowed }) => allowed === false).map(({ what }) => what)
  const open = found.filter(({ allowed }) => allowed === undefined).map(({ what }) => what)
  return [
    ...(no.length === 0 ? [] : [wrong(AREA, `${constraint} refuses ${no.join(', ')}`, fix)]),
    ...(open.length === 0
      ? []
      : [{ area: AREA, state: 'unknown' as const, note: `${constraint} may refuse ${open.join(', ')}`, fix }]),
  ]
}

/** A policy that could not be read. */
export function unreadPolicy(
  area: string,
  constraint: string,
  answer: Extract<Answer<Policy>, { readonly why: string }>,
  matters: string,
): Finding {
  return unknown(
    area,
    constraint,
    answer,
    answer.kind === 'disabled' ? matters : `${matters} Ask for roles/orgpolicy.policyViewer.`,
  )
}

function examinationsOf({ topology, services, ...plan }: Plan): readonly Examination[] {
  const names = Object.keys(services)
  const ingress = new Set(Object.values(topology.functions).map((each) => each.ingress))
  const places = new Map([
    ['functions, images and bundles', [plan.region]],
    ['the dataset', [plan.bigQueryLocation]],
    ['the send ledger', [plan.firestoreLocation]],
    ['stored messages', [plan.region]],
  ])
  return [
    {
      constraint: 'run.allowedIngress',
      matters: 'It decides whether Customer.io can reach the webhook.',
      refused: (policy) =>
        [...ingress].map((what) => ({ what: `ingress ${what}`, allowed: allows(policy, named(what)) })),
      fix: `${ASK} to allow "all" and "internal" in this project: Customer.io calls the webhook from the internet.`,
    },
    {
      constraint: 'gcp.resourceLocations',
      matters: 'It decides where anything may be stored.',
      refused: (policy) =>
        [...places].flatMap(([what, locations]) =>
          locations.map((location) => ({
            what: `${what} in ${location}`,
            allowed: allows(policy, coveringLocation(location)),
          })),
        ),
      fix: `Choose locations that it allows in values.yaml (region, bigquery_location, firestore_location): gcloud org-policies describe gcp.resourceLocations --effective --project=${plan.projectId}`,
    },
    {
      constraint: 'gcp.restrictNonCmekServices',
      matters: "It refuses what is not encrypted with the customer's own keys, which the pipeline does not set up.",
      refused: (policy) =>
        names.map((what) => ({ what: `${what} without CMEK`, allowed: allows(policy, named(what)) })),
      fix: `${ASK} for an exception in this project: the pipeline uses the keys that Google manages.`,
    },
    {
      constraint: 'gcp.restrictServiceUsage',
      matters: 'It decides which services may be used.',
      refused: (policy) => names.map((what) => ({ what, allowed: allows(policy, named(what)) })),
      fix: `${ASK} to allow these services in this project.`,
    },
    {
      constraint: 'iam.disableServiceAccountCreation',
      matters: 'Each function runs as an account of its own.',
      refused: (policy) => [{ what: 'to create service accounts', allowed: !isEnforced(policy) }],
      fix: `${ASK} not to enforce it in this project: each function runs as an account of its own.`,
    },
  ]
}
