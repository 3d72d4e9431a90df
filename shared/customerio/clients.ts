import { APIClient, TrackClient } from 'customerio-node'
import type { Secret } from '../secrets/index.ts'
import { type TransportOptions, useTransport } from './transport.ts'

/** How an API is reached. */
export interface ApiOptions extends Pick<TransportOptions, 'timeoutMs' | 'exchange'> {
  /** As the SDK's `url` option wants it: Track ends in `/api/v1` (v2 is derived from it), App in `/v1`. */
  readonly url: string
}

/** One SDK client per process, replaced only when its credentials change. Connections are kept alive by the transport. */
export class ClientHolder<C> {
  readonly #secrets: readonly Secret[]
  readonly #build: (values: readonly string[]) => C
  #made: { values: readonly string[]; client: C } | undefined

  constructor(secrets: readonly Secret[], build: (values: readonly string[]) => C) {
    this.#secrets = secrets
    this.#build = build
    // Read at the start, while nothing waits for them; a failure shows, and is repaired, when they are used.
    for (const secret of secrets) void secret.current()
  }

  /** The client with the credentials of now, or the names of those that are not configured. */
  async current(): Promise<{ client: C } | { unset: readonly string[] }> {
    const values: string[] = []
    const unset: string[] = []
    // All at once: a read that hangs is waited for once, however many there are.
    const current = await Promise.all(this.#secrets.map((secret) => secret.current()))
    for (const [index, secret] of this.#secrets.entries()) {
      const value = current[index]
      if (value === undefined) unset.push(secret.name)
      else values.push(value)
    }
    if (unset.length > 0) return { unset }
    let made = this.#made
    if (made === undefined || made.values.some((value, index) => value !== values[index])) {
      made = { values, client: this.#build(values) }
      this.#made = made
    }
    return { client: made.client }
  }

  /** Reads the credentials again after they were refused. True when those of now are not those of `used`. */
  async reload(used: C): Promise<boolean> {
    await Promise.all(this.#secrets.map((secret) => secret.refresh()))
    const held = await this.current()
    return !('client' in held) || held.client !== used
  }
}

/** The Track API's client. Its own retries are off: the queue retries, and a timed-out request is not simply repeated. */
export function trackClients(
  siteId: Secret,
  apiKey: Secret,
  api: ApiOptions & TransportOptions,
): ClientHolder<TrackClient> {
  return new ClientHolder([siteId, apiKey], ([site = '', key = '']) => {
    const client = new TrackClient(site, key, { url: api.url, retry: { maxRetries: 0 } })
    useTransport(client, api)
    return client
  })
}

/** The App API's client, with its own retries off: a repeated send is a second message. */
export function appClients(apiKey: Secret, api: ApiOptions & TransportOptions): ClientHolder<APIClient> {
  return new ClientHolder([apiKey], ([key = '']) => {
    const client = new APIClient(key, { url: api.url, retry: { maxRetries: 0 } })
    useTransport(client, api)
    return client
  })
}
