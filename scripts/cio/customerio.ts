import type { APIClient, TrackClient } from 'customerio-node'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import { codeOf } from '../../shared/errors/index.ts'
import { CommandError, usageError } from './errors.ts'
import { type SecretStore, UNSET } from './secrets/store.ts'

export interface CustomerIoOptions {
  readonly region: 'us' | 'eu' | undefined
  readonly trackUrl: string | undefined
  readonly appUrl: string | undefined
  readonly secrets: SecretStore
  /** The command line's share of the account's limit for the App API. */
  readonly appRequestsPerSecond: number
}

/** Customer.io's two APIs for an operator: one request at a time, credentials read when needed. */
export interface CustomerIo {
  /** The account's region by our configuration; undefined when neither it nor addresses are known. */
  readonly region: 'us' | 'eu' | undefined
  /** Uses the given credentials instead of the stored ones: to try them before they are stored. */
  track(given?: { readonly siteId?: string; readonly apiKey?: string }): Promise<TrackClient>
  app(given?: { readonly apiKey?: string }): Promise<APIClient>
  /** The service that the functions use, with its rules for every answer. */
  service(): Promise<CustomerIOService>
  /** The command line's share of the account's limit for the App API. */
  readonly appRequestsPerSecond: number
  readonly urls: () => { readonly track: string; readonly app: string }
  /** A credential, or an error that says how to set it. */
  credential(name: string): Promise<string>
  /** The keys that webhooks are signed with, current one first. */
  signingKeys(): Promise<readonly string[]>
}

const TIMEOUT_MS = 10_000

/** A command has a handful of operations, and waits for each. */
const BATCH = {
  maxItems: 10,
  maxBytes: 450_000,
  maxItemBytes: 30_000,
  maxInFlight: 1,
  maxWaitMs: 60_000,
  maxQueueItems: 10_000,
  maxBlockedItems: 10_000,
}

export function createCustomerIo(options: CustomerIoOptions): CustomerIo {
  const { region, secrets } = options

  const urls = () => {
    const { trackUrl, appUrl } = options
    if (region === undefined && (trackUrl === undefined || appUrl === undefined)) {
      throw usageError("the account's region is not known", 'Use --env, --region us|eu or CUSTOMERIO_REGION.')
    }
    const suffix = region === 'eu' ? '-eu' : ''
    return {
      track: trackUrl ?? `https://track${suffix}.customer.io/api/v1`,
      app: appUrl ?? `https://api${suffix}.customer.io/v1`,
    }
  }

  async function credential(name: string): Promise<string> {
    const found = process.env[name] ?? (await secrets.latest(name))?.value.trim()
    if (found !== undefined && found !== '' && found !== UNSET) return found
    throw new CommandError(`${name} has no value yet`, { hint: `Set it: npx cio-gcp secrets set ${name}` })
  }

  return {
    region,
    appRequestsPerSecond: options.appRequestsPerSecond,
    urls,
    credential,
    async track(given = {}) {
      const url = urls().track
      const siteId = given.siteId ?? (await credential('CUSTOMERIO_SITE_ID'))
      const apiKey = given.apiKey ?? (await credential('CUSTOMERIO_TRACK_API_KEY'))
      const { TrackClient } = await import('customerio-node')
      return new TrackClient(siteId, apiKey, { url, timeout: TIMEOUT_MS, retry: { maxRetries: 0 } })
    },
    async app(given = {}) {
      const url = urls().app
      const apiKey = given.apiKey ?? (await credential('CUSTOMERIO_APP_API_KEY'))
      const { APIClient } = await import('customerio-node')
      return new APIClient(apiKey, { url, timeout: TIMEOUT_MS, retry: { maxRetries: 0 } })
    },
    async service() {
      const { track, app } = urls()
      // Imported here: most commands need none of this, and should start at once.
      const [{ steadyClock }, { CustomerIOService }, { createLog }, { RateLimiter }, { createSecret }] =
        await Promise.all([
          import('../../shared/clock/index.ts'),
          import('../../shared/customerio/index.ts'),
          import('../../shared/logging/index.ts'),
          import('../../shared/rate/index.ts'),
          import('../../shared/secrets/index.ts'),
        ])
      const log = createLog({ clock: steadyClock, functionName: 'cio', destination: { write: () => {} } })
      const literal = async (name: string) =>
        createSecret({ clock: steadyClock, name, value: await credential(name), log })
      const rate = (requestsPerSecond: number) =>
        new RateLimiter({ requestsPerSecond, clock: steadyClock, random: Math.random })
      return new CustomerIOService({
        track: {
          url: track,
          timeoutMs: TIMEOUT_MS,
          siteId: await literal('CUSTOMERIO_SITE_ID'),
          apiKey: await literal('CUSTOMERIO_TRACK_API_KEY'),
          rate: rate(10),
          rateWaitMs: TIMEOUT_MS,
          divideMs: TIMEOUT_MS,
          batch: BATCH,
        },
        app: {
          url: app,
          timeoutMs: TIMEOUT_MS,
          apiKey: await literal('CUSTOMERIO_APP_API_KEY'),
          rate: rate(10),
          broadcastRate: rate(0.1),
          lookUpRate: rate(options.appRequestsPerSecond),
          rateWaitMs: TIMEOUT_MS,
        },
        log,
        clock: steadyClock,
      })
    },
    async signingKeys() {
      const { parseKeyRing } = await import('../../shared/webhooks/index.ts')
      const keys = parseKeyRing(await credential('CUSTOMERIO_WEBHOOK_SIGNING_KEYS'))
      if (keys.length > 0) return keys
      throw new CommandError('CUSTOMERIO_WEBHOOK_SIGNING_KEYS holds no key')
    },
  }
}

export interface CustomerIoFailure {
  /** Undefined when there was no answer. */
  readonly status: number | undefined
  /** Nobody's credentials are at fault: Customer.io gave no answer, or an error of its own. */
  readonly unreachable: boolean
  readonly words: string
  readonly hint: string
}

const DOWN =
  'Nothing is wrong with the secrets. See https://status.customer.io and try again; messages are kept meanwhile.'

/** Describes a failed request to Customer.io, without credentials. */
export function describeFailure(error: unknown): CustomerIoFailure {
  const status =
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
      ? error.statusCode
      : undefined
  if (status !== undefined && status < 500) {
    const body =
      error instanceof Error && 'body' in error && typeof error.body === 'string' ? error.body.slice(0, 300) : ''
    const words = `Customer.io answered ${status}${body === '' ? '' : `: ${body}`}`
    return { status, unreachable: false, words, hint: 'Try `secrets check`.' }
  }
  const why = status === undefined ? reasonOf(error) : `it answered ${status}`
  return { status, unreachable: true, words: `Customer.io is unreachable: ${why}`, hint: DOWN }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = codeOf(error.cause)
  return code === undefined ? error.message : `${error.message} (${code})`
}
