import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRecordingServer } from '../../testing/recording-server.ts'
import { readTopology } from '../../topology/topology.ts'
import type { Finding } from '../finding.ts'
import { commandLine } from '../testing/command-line.ts'
import { answerOf, answersOfNewProject, googleError, type Recorded } from '../testing/google-project.ts'

/** Google's APIs answer as they are recorded in their documentation, and every question is kept. */

const PROJECT = 'acme-customerio-dev'
const topology = readTopology()
const state = mkdtempSync(join(tmpdir(), 'cio-preflight-'))
let google: Awaited<ReturnType<typeof startRecordingServer>>
/** Answers that differ from those about a new project. */
let recorded: Map<string, Recorded>

beforeAll(async () => {
  google = await startRecordingServer()
  google.answerWith((response, { path, body }) => {
    const [place = ''] = path.slice(1).split('?')
    const [status, answer] = recorded.get(place) ?? answerOf(path, body)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
})
afterAll(async () => {
  await google?.close()
  rmSync(state, { recursive: true })
})
beforeEach(() => {
  recorded = new Map(answersOfNewProject(PROJECT))
  google.requests.splice(0)
})

const cio = (env: Readonly<Record<string, string>> = {}) =>
  commandLine([], { GOOGLE_APIS_EMULATOR_HOST: new URL(google.url).host, CIO_STATE_DIR: state, ...env })

/** Runs the preflight of dev: its findings without those that are good, and how it ended. */
async function preflight() {
  const { code, stdout, stderr } = await cio().run(['preflight', '--env', 'dev', '--json'])
  const { findings }: { findings: Finding[] } = JSON.parse(stdout)
  return { code, stderr, bad: findings.filter(({ state }) => state !== 'ok'), findings }
}

const policy = (constraint: string, ...rules: object[]) =>
  recorded.set(`orgpolicy.googleapis.com/v2/projects/${PROJECT}/policies/${constraint}:getEffectivePolicy`, [
    200,
    { name: `projects/415104041262/policies/${constraint}`, spec: { rules } },
  ])
const existing = (host: string, path: string, body: object = {}) =>
  recorded.set(`${host}.googleapis.com/${path}`, [200, body])

it('finds nothing wrong with a new project, and only reads', async () => {
  const ended = await cio().run(['preflight', '--env', 'dev'])
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing found that would stop an apply\n') })
  expect(ended.stdout).not.toMatch(/^[^✓]/m)
  expect(ended.stdout).toMatch(/✓ webhook's way in +all_users fits/)
  expect(google.requests.filter(({ method }) => method !== 'GET').map(({ path }) => path)).toEqual([
    `/cloudresourcemanager.googleapis.com/v3/projects/${PROJECT}:testIamPermissions`,
  ])
})

it('looks up every name of pipeline.yaml', async () => {
  await preflight()
  const asked = new Set(google.requests.map(({ path }) => path))
  const expected = [
    ...Object.keys(topology.topics).map((name) => `/pubsub.googleapis.com/v1/projects/${PROJECT}/topics/${name}`),
    ...Object.keys(topology.subscriptions).map(
      (name) => `/pubsub.googleapis.com/v1/projects/${PROJECT}/subscriptions/${name}`,
    ),
    ...Object.keys(topology.functions).map(
      (name) => `/cloudfunctions.googleapis.com/v2/projects/${PROJECT}/locations/europe-west1/functions/${name}`,
    ),
    ...Object.values(topology.secrets).map(
      ({ id }) => `/secretmanager.googleapis.com/v1/projects/${PROJECT}/secrets/${id}`,
    ),
    `/firestore.googleapis.com/v1/projects/${PROJECT}/databases/${topology.ledger.database}`,
    `/bigquery.googleapis.com/bigquery/v2/projects/${PROJECT}/datasets/${topology.bigquery.dataset}`,
  ]
  expect(expected.filter((path) => !asked.has(path))).toEqual([])
})

describe('what would stop an apply ends with 1 and says what to do:', () => {
  it.each<[string, () => unknown, string, string]>([
    [
      'no billing',
      () => existing('cloudbilling', `v1/projects/${PROJECT}/billingInfo`, { billingEnabled: false }),
      'the project has no billing account',
      `gcloud billing projects link ${PROJECT}`,
    ],
    [
      'a project that is being deleted',
      () => existing('cloudresourcemanager', `v3/projects/${PROJECT}`, { state: 'DELETE_REQUESTED' }),
      'is DELETE_REQUESTED',
      `gcloud projects undelete ${PROJECT}`,
    ],
    [
      'the service that enables others is off',
      () =>
        recorded.set(
          `serviceusage.googleapis.com/v1/projects/${PROJECT}/services:batchGet`,
          googleError(403, 'Service Usage API has not been used', 'SERVICE_DISABLED'),
        ),
      'must be enabled before Terraform can start',
      'gcloud services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com',
    ],
    [
      'missing permissions',
      () =>
        existing('cloudresourcemanager', `v3/projects/${PROJECT}:testIamPermissions`, {
          permissions: ['pubsub.topics.create'],
        }),
      'you lack serviceusage.services.enable, ',
      'apply_roles',
    ],
    [
      'an ingress that the organisation refuses',
      () => policy('run.allowedIngress', { values: { allowedValues: ['is:internal'] } }),
      'run.allowedIngress refuses ingress all',
      'roles/orgpolicy.policyAdmin',
    ],
    [
      'a location that the organisation refuses',
      () => policy('gcp.resourceLocations', { values: { allowedValues: ['us-east1', 'europe-west1'] } }),
      'gcp.resourceLocations refuses the dataset in EU',
      'bigquery_location',
    ],
    [
      'keys of the customer that the organisation wants',
      () => policy('gcp.restrictNonCmekServices', { values: { deniedValues: ['is:pubsub.googleapis.com'] } }),
      'refuses pubsub.googleapis.com without CMEK',
      'exception',
    ],
    [
      'a service that the organisation refuses',
      () => policy('gcp.restrictServiceUsage', { values: { deniedValues: ['firestore.googleapis.com'] } }),
      'gcp.restrictServiceUsage refuses firestore.googleapis.com',
      'allow these services',
    ],
    [
      'service accounts that may not be made',
      () => policy('iam.disableServiceAccountCreation', { enforce: true }),
      'refuses to create service accounts',
      'not to enforce it',
    ],
    [
      'permissions of allUsers that the organisation refuses',
      () => policy('iam.allowedPolicyMemberDomains', { values: { allowedValues: ['C03g5e3bc'] } }),
      'iam.allowedPolicyMemberDomains refuses permissions of allUsers',
      'webhook_access: invoker_check_disabled',
    ],
    [
      'permissions of allUsers that a new organisation refuses',
      () =>
        policy('iam.managed.allowedPolicyMembers', {
          enforce: true,
          parameters: { allowedPrincipalSets: ['//cloudresourcemanager.googleapis.com/organizations/1'] },
        }),
      'iam.managed.allowedPolicyMembers refuses permissions of allUsers',
      'webhook_access: invoker_check_disabled',
    ],
    [
      'a topic that somebody else made',
      () => existing('pubsub', `v1/projects/${PROJECT}/topics/identify`, { name: 'x' }),
      'the topic identify exists, and Terraform did not make it',
      `terraform import 'module.pipeline.google_pubsub_topic.topic["identify"]' projects/${PROJECT}/topics/identify`,
    ],
    [
      'a Cloud Run service with the name of a function',
      () => existing('run', `v2/projects/${PROJECT}/locations/europe-west1/services/webhook`),
      'a Cloud Run service webhook exists',
      'gcloud run services describe webhook',
    ],
    [
      "a ledger's database in another location",
      () => existing('firestore', `v1/projects/${PROJECT}/databases/send-ledger`, { locationId: 'nam5' }),
      'the database send-ledger is in nam5, not in europe-west1, and cannot be moved',
      'firestore_location: nam5',
    ],
    [
      'a location that Firestore does not have',
      () => existing('firestore', `v1/projects/${PROJECT}/locations`, { locations: [{ locationId: 'nam5' }] }),
      'has no location europe-west1',
      'one of: nam5',
    ],
    [
      'a bucket of the state that is missing',
      () => recorded.delete('storage.googleapis.com/storage/v1/b/acme-customerio-dev-terraform'),
      'there is no bucket acme-customerio-dev-terraform',
      'gcloud storage buckets create gs://acme-customerio-dev-terraform',
    ],
  ])('%s', async (_, given, note, fix) => {
    given()
    const { code, bad, stderr } = await preflight()
    expect(bad).toEqual([
      {
        area: expect.any(String),
        state: 'wrong',
        note: expect.stringContaining(note),
        fix: expect.stringContaining(fix),
      },
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('1 thing would stop an apply')
  })

  it.each([
    ['cpu_allocation', '5000', 'webhook may take 10 vCPUs; the quota in europe-west1 is 5 vCPUs', 5],
    ['mem_allocation', '6442450944', 'webhook may take 20 GiB; the quota in europe-west1 is 6 GiB', 3],
  ])('functions that may take more than the region allows the project: %s', async (metric, limit, note, enough) => {
    const path = `services/run.googleapis.com/consumerQuotaMetrics/run.googleapis.com%2F${metric}`
    existing('serviceusage', `v1beta1/projects/${PROJECT}/${path}`, {
      consumerQuotaLimits: [{ quotaBuckets: [{ effectiveLimit: limit }] }],
    })
    const { code, bad } = await preflight()
    expect(code).toBe(1)
    expect(bad).toContainEqual(
      expect.objectContaining({ note, fix: expect.stringContaining(`max_instances: ${enough}`) }),
    )
  })
})

it('is told which way in fits where neither allUsers nor a disabled check is allowed', async () => {
  policy('iam.managed.allowedPolicyMembers', { enforce: true })
  policy('run.managed.requireInvokerIam', { enforce: true })
  const { bad } = await preflight()
  expect(bad).toEqual([
    expect.objectContaining({ fix: expect.stringContaining('webhook_access: org_policy_exception') }),
  ])
})

it('finds nothing wrong where allUsers is among the members that are allowed', async () => {
  policy('iam.managed.allowedPolicyMembers', { enforce: true, parameters: { allowedMemberSubjects: ['allUsers'] } })
  expect(await preflight()).toMatchObject({ code: 0, bad: [] })
})

describe('what may not be read', () => {
  it('is unknown, with why it matters, and ends with 0', async () => {
    const denied = googleError(403, 'The caller does not have permission')
    for (const place of recorded.keys()) recorded.set(place, denied)
    const places = [
      `orgpolicy.googleapis.com/v2/projects/${PROJECT}/policies/gcp.resourceLocations:getEffectivePolicy`,
      `orgpolicy.googleapis.com/v2/projects/${PROJECT}/policies/iam.managed.allowedPolicyMembers:getEffectivePolicy`,
      `cloudresourcemanager.googleapis.com/v3/projects/${PROJECT}:testIamPermissions`,
      `serviceusage.googleapis.com/v1/projects/${PROJECT}/services:batchGet`,
      `pubsub.googleapis.com/v1/projects/${PROJECT}/topics/identify`,
      `pubsub.googleapis.com/v1/projects/${PROJECT}/topics/track`,
    ]
    for (const place of places) recorded.set(place, denied)
    const { code, bad, stderr } = await preflight()
    expect(bad.map(({ area, state }) => `${state}: ${area}`)).toEqual([
      'unknown: project',
      'unknown: billing',
      'unknown: services',
      'unknown: permissions',
      'unknown: policies',
      "unknown: webhook's way in",
      "unknown: webhook's way in",
      'unknown: Firestore',
      'unknown: quotas',
      'unknown: quotas',
      'unknown: state',
      'unknown: names',
    ])
    expect(bad.every(({ fix }) => (fix ?? '').length > 20)).toBe(true)
    expect(bad.at(-1)?.note).toBe('2 names could not be looked up (topic: 403: The caller does not have permission)')
    expect(code).toBe(0)
    expect(stderr).toContain('12 things unknown')
  })

  it('may be because the API is not enabled: on a new project all names are free', async () => {
    const disabled = googleError(403, 'Cloud Pub/Sub API has not been used in project 1 before', 'SERVICE_DISABLED')
    for (const name of Object.keys(topology.topics)) {
      recorded.set(`pubsub.googleapis.com/v1/projects/${PROJECT}/topics/${name}`, disabled)
    }
    const { code, bad } = await preflight()
    expect(code).toBe(0)
    expect(bad).toEqual([
      {
        area: 'names',
        state: 'unknown',
        note: expect.stringMatching(/^\d+ names cannot be looked up before pubsub.googleapis.com are enabled/),
        fix: expect.stringContaining('gcloud services enable pubsub.googleapis.com'),
      },
    ])
  })

  it('is told with the API that has to be enabled', async () => {
    const disabled = googleError(403, 'Cloud Billing API has not been used in project 1 before', 'SERVICE_DISABLED')
    recorded.set(`cloudbilling.googleapis.com/v1/projects/${PROJECT}/billingInfo`, disabled)
    expect(await preflight()).toMatchObject({
      code: 0,
      bad: [
        {
          state: 'unknown',
          note: expect.stringContaining('its API is not enabled'),
          fix: expect.stringContaining('gcloud services enable cloudbilling.googleapis.com, then run this again.'),
        },
      ],
    })
  })

  it('is no reason to go on when nobody is signed in, or Google cannot be reached', async () => {
    recorded.set(`cloudresourcemanager.googleapis.com/v3/projects/${PROJECT}`, googleError(401, 'expired'))
    expect(await cio().run(['preflight', '--env', 'dev'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('gcloud auth application-default login'),
    })
    expect(await cio({ GOOGLE_APIS_EMULATOR_HOST: '127.0.0.1:9' }).run(['preflight', '--env', 'dev'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cloudresourcemanager.googleapis.com does not answer'),
    })
  })
})

describe('after an apply', () => {
  const STATE = 'storage.googleapis.com/storage/v1/b/acme-customerio-dev-terraform/o/customerio%2Fdefault.tfstate'
  const made = (type: string, name: string, key?: string) => ({
    module: 'module.pipeline',
    mode: 'managed',
    type,
    name,
    instances: [key === undefined ? {} : { index_key: key }],
  })

  it("what is in Terraform's state is no obstacle", async () => {
    const resources = [made('google_pubsub_topic', 'topic', 'identify'), made('google_firestore_database', 'ledger')]
    recorded.set(STATE, [200, { version: 4, resources }])
    existing('pubsub', `v1/projects/${PROJECT}/topics/identify`)
    existing('firestore', `v1/projects/${PROJECT}/databases/send-ledger`, { locationId: 'europe-west1' })
    const { code, bad, findings } = await preflight()
    expect({ code, bad }).toEqual({ code: 0, bad: [] })
    expect(findings.at(-1)?.note).toMatch(/, 2 are in Terraform’s state$/)
  })

  it('a location that was changed since would replace what is there', async () => {
    recorded.set(STATE, [200, { version: 4, resources: [made('google_bigquery_dataset', 'warehouse')] }])
    existing('bigquery', `bigquery/v2/projects/${PROJECT}/datasets/customerio`, { location: 'US' })
    const { code, bad } = await preflight()
    expect(code).toBe(1)
    expect(bad).toEqual([expect.objectContaining({ note: expect.stringContaining('is in US, not in EU') })])
  })

  it('a state that may not be read leaves open whose the names are', async () => {
    recorded.set(STATE, googleError(403, 'no storage.objects.get'))
    existing('pubsub', `v1/projects/${PROJECT}/topics/identify`)
    const { code, bad } = await preflight()
    expect(code).toBe(0)
    expect(bad.map(({ note }) => note)).toEqual([
      expect.stringContaining('customerio/default.tfstate could not be read'),
      'the topic identify exists',
    ])
  })

  it('a bucket that keeps no versions of the state is worth a warning', async () => {
    existing('storage', 'storage/v1/b/acme-customerio-dev-terraform')
    const { code, bad } = await preflight()
    expect(code).toBe(0)
    expect(bad).toEqual([expect.objectContaining({ state: 'warning', fix: expect.stringContaining('--versioning') })])
  })
})

it('needs an environment: a project alone has no values', async () => {
  const ended = await cio().run(['preflight', '--project', 'acme', '--region', 'eu'])
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('preflight needs --env <name>') })
})
