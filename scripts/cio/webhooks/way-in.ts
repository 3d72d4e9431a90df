import { z } from 'zod'
import type { Connection } from '../connection.ts'

/** How requests from outside Google Cloud reach the webhook: `webhook_access` in terraform/variables.tf. */
export const WAYS_IN = ['all_users', 'invoker_check_disabled', 'org_policy_exception'] as const
export type WayIn = (typeof WAYS_IN)[number]

const valuesSchema = z.looseObject({ region: z.string(), webhook_access: z.enum(WAYS_IN).default('all_users') })

/**
 * What to do when Google answers 403 in the place of the function: it is not open to the public, or is no longer.
 * https://cloud.google.com/run/docs/authenticating/public
 */
export function openWebhook({ environment, topology }: Pick<Connection, 'environment' | 'topology'>): string {
  const [name = 'webhook'] = Object.entries(topology.functions).find(([, { ingress }]) => ingress === 'all') ?? []
  const values = valuesSchema.safeParse(environment?.values).data
  const region = values?.region ?? 'REGION'
  const project = environment?.projectId ?? 'PROJECT'
  const disable = `gcloud run services update ${name} --no-invoker-iam-check --region=${region} --project=${project}`
  const grant = `terraform apply gives allUsers roles/run.invoker on ${name}`
  if (values === undefined) return `Either ${grant}, or with webhook_access: invoker_check_disabled run: ${disable}`
  // An update of the function may enable the check again: Google does not document that it stays disabled.
  if (values.webhook_access === 'invoker_check_disabled') return `Run this again: ${disable}`
  return `${grant}. If your organisation refuses that, run cio-gcp preflight: it says which webhook_access fits.`
}
