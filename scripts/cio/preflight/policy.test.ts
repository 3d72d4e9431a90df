import type { WayIn } from '../webhooks/way-in.ts'
import { type Allowed, allows, coveringLocation, named, type Policy } from './policy.ts'
import { judge } from './way-in.ts'

type Rule = Partial<Policy['spec']['rules'][number]>
const policy = (...rules: Rule[]): Policy => ({ spec: { rules } })
const listing = (allowedValues: string[], deniedValues: string[] = []) =>
  policy({ values: { allowedValues, deniedValues } })

describe('a list constraint', () => {
  it.each<[string, Policy, Allowed]>([
    ['that nobody set allows', policy(), true],
    ['that allows all', policy({ allowAll: true }), true],
    ['that denies all', policy({ denyAll: true }), false],
    ['that lists the value', listing(['internal', 'is:all']), true],
    ['that lists others', listing(['internal']), false],
    ['that denies the value', listing([], ['all']), false],
    ['that denies others', listing([], ['internal']), true],
    ['that lists a group', listing(['in:everything']), undefined],
    ['that denies a group', listing(['all'], ['in:something']), undefined],
  ])('%s', (_, given, expected) => {
    expect(allows(given, named('all'))).toBe(expected)
  })
})

it.each<[string, string, Allowed]>([
  ['europe-west1', 'europe-west1', true],
  ['europe-west1', 'in:europe-west1-locations', true],
  ['europe-west1', 'in:europe-locations', true],
  ['europe-west1', 'in:eu-locations', true],
  ['europe-west2', 'in:eu-locations', undefined],
  ['europe-west1', 'in:de-locations', undefined],
  ['europe-west1', 'us-east1', false],
  ['EU', 'eu', true],
  ['EU', 'in:eu-locations', true],
  ['us-east1', 'in:us-locations', true],
])('%s in %s: %s', (location, entry, expected) => {
  expect(allows(listing([entry]), coveringLocation(location))).toBe(expected)
})

it.each<[WayIn, Allowed, Allowed, string, string | undefined]>([
  ['all_users', true, true, 'ok', undefined],
  ['all_users', false, true, 'wrong', 'invoker_check_disabled'],
  ['all_users', false, undefined, 'wrong', 'invoker_check_disabled'],
  ['all_users', false, false, 'wrong', 'org_policy_exception'],
  ['all_users', undefined, undefined, 'unknown', 'invoker_check_disabled'],
  ['invoker_check_disabled', false, true, 'ok', undefined],
  ['invoker_check_disabled', true, false, 'wrong', 'all_users'],
  ['invoker_check_disabled', false, false, 'wrong', 'org_policy_exception'],
  ['invoker_check_disabled', true, undefined, 'unknown', 'all_users'],
  ['org_policy_exception', true, false, 'ok', undefined],
  ['org_policy_exception', false, true, 'wrong', `-var 'constraints=["iam.managed.allowedPolicyMembers"]'`],
])('%s, where allUsers is allowed: %s and no check: %s, is %s', (chosen, allUsers, noInvokerCheck, state, instead) => {
  const finding = judge(chosen, { allUsers, refusing: ['iam.managed.allowedPolicyMembers'], noInvokerCheck })
  expect(finding.state).toBe(state)
  if (instead === undefined) expect(finding.fix).toBeUndefined()
  else expect(finding.fix).toContain(instead)
})
