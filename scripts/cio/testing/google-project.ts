/** An answer of one of Google's REST APIs: its status and its body. */
export type Recorded = readonly [number, object]

/** Google's errors: https://cloud.google.com/apis/design/errors */
export function googleError(code: number, message: string, reason?: string): Recorded {
  const details = reason === undefined ? [] : [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }]
  return [code, { error: { code, message, status: code === 404 ? 'NOT_FOUND' : 'PERMISSION_DENIED', details } }]
}

/**
 * Google's answers about a new project whose owner asks, by host and path: billing is on, services are enabled, no
 * organisation policy is set, and nothing has been made but the bucket of Terraform's state.
 */
export function answersOfNewProject(projectId: string): ReadonlyMap<string, Recorded> {
  const project = `projects/${projectId}`
  return new Map<string, Recorded>([
    [
      `cloudresourcemanager.googleapis.com/v3/${project}`,
      [200, { name: 'projects/415104041262', projectId, state: 'ACTIVE', displayName: 'Customer.io' }],
    ],
    [
      `cloudbilling.googleapis.com/v1/${project}/billingInfo`,
      [
        200,
        { name: `${project}/billingInfo`, projectId, billingAccountName: 'billingAccounts/0', billingEnabled: true },
      ],
    ],
    [
      `firestore.googleapis.com/v1/${project}/locations`,
      [200, { locations: [{ locationId: 'europe-west1' }, { locationId: 'eur3' }, { locationId: 'nam5' }] }],
    ],
    ...Object.entries({ cpu_allocation: ['5000', '200000'], mem_allocation: ['5368709120', '429496729600'] }).map(
      ([name, [general, regional]]): [string, Recorded] => [
        `serviceusage.googleapis.com/v1beta1/${project}/services/run.googleapis.com/consumerQuotaMetrics/run.googleapis.com%2F${name}`,
        [
          200,
          {
            metric: `run.googleapis.com/${name}`,
            consumerQuotaLimits: [
              {
                quotaBuckets: [
                  { effectiveLimit: general, defaultLimit: general },
                  { effectiveLimit: regional, defaultLimit: general, dimensions: { region: 'europe-west1' } },
                ],
              },
            ],
          },
        ],
      ],
    ),
    ['storage.googleapis.com/storage/v1/b/acme-customerio-dev-terraform', [200, { versioning: { enabled: true } }]],
  ])
}

/** What Google answers where no answer is recorded: all that is asked for is granted, and nothing else exists. */
export function answerOf(path: string, body: unknown): Recorded {
  if (path.includes(':getEffectivePolicy')) return [200, { spec: {} }]
  if (path.includes(':testIamPermissions')) return [200, Object(body)]
  if (path.includes('/services:batchGet')) {
    const names = [...new URL(path, 'http://google').searchParams.getAll('names')]
    return [200, { services: names.map((name) => ({ name, state: 'ENABLED' })) }]
  }
  return googleError(404, 'Requested entity was not found.')
}
