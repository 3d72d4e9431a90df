import { z } from 'zod'

/** What the local Customer.io takes for its account's credentials. Not secrets: nothing outside this machine knows them. */
export const CREDENTIALS = { siteId: 'bench-site', trackApiKey: 'bench-track-key', appApiKey: 'bench-app-key' } as const

export const customerIoOptions = z.object({
  latencyMs: z.number(),
  /** Of Track and `/v1/send` together; no limit when absent. */
  requestsPerSecond: z.number().optional(),
})

export const latencyOptions = z.object({ latencyMs: z.number() })

/** The sinks and what each is told. */
export type SinkOptions =
  | ({ readonly kind: 'customerio' } & z.infer<typeof customerIoOptions>)
  | ({ readonly kind: 'pubsub' | 'bigquery' } & z.infer<typeof latencyOptions>)
  | { readonly kind: 'firestore' }
