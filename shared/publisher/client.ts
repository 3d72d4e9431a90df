import type { PubSub } from '@google-cloud/pubsub'

export interface ClientOptions {
  /** If absent, the client finds it out from its environment. */
  readonly projectId?: string | undefined
  /** Region whose endpoint is published to, such as `europe-west1`; Pub/Sub chooses one if it is absent. */
  readonly region?: string | undefined
}

const REGION = /^[a-z]+(-[a-z]+)+\d+$/

/** Throws for what is not the name of a region: it becomes a part of a host's name. */
export function checkRegion(region: unknown): void {
  if (region === undefined || (typeof region === 'string' && REGION.test(region))) return
  throw new TypeError('region: must be a region of Google Cloud, such as europe-west1')
}

/**
 * A client of Pub/Sub that publishes in one region, https://cloud.google.com/pubsub/docs/reference/service_apis_overview
 * ("Locational endpoints"). An emulator that the environment names stays what is published to.
 */
export async function createClient({ projectId, region }: ClientOptions): Promise<PubSub> {
  // Here and not above: loading it takes a third of a second, which a process that only validates need not pay.
  const { PubSub } = await import('./pubsub-client.ts')
  const options = projectId === undefined ? {} : { projectId }
  const client = new PubSub(options)
  if (region === undefined || client.isEmulator) return client
  return new PubSub({ ...options, apiEndpoint: `${region}-pubsub.googleapis.com:443` })
}
