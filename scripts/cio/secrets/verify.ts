import { z } from 'zod'
import { HASH_KEY_CHARACTERS } from '../../../shared/identity/index.ts'
import { type CustomerIo, describeFailure } from '../customerio.ts'
import { UNSET } from './store.ts'

export type SecretName =
  | 'CUSTOMERIO_SITE_ID'
  | 'CUSTOMERIO_TRACK_API_KEY'
  | 'CUSTOMERIO_APP_API_KEY'
  | 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS'
  | 'PERSON_HASH_KEYS'

/** What Customer.io says about a value. `unknown`: it could not be asked; `unreachable`: because it is down. */
export interface Verification {
  readonly result: 'accepted' | 'rejected' | 'unknown' | 'unreachable'
  readonly note: string
  /** What to do about it. */
  readonly hint?: string
}

const accountSchema = z.looseObject({
  region: z.string().optional(),
  data_center: z.string().optional(),
  url: z.string(),
})

/** Tries site id and Track key with one request, which also returns the region of the account. */
export async function verifyTrack(
  customerIo: CustomerIo,
  given: { readonly siteId?: string; readonly apiKey?: string },
): Promise<Verification> {
  try {
    const client = await customerIo.track(given)
    const account = accountSchema.parse(await client.getAccountRegion())
    const region = account.region ?? account.data_center ?? (account.url.includes('-eu.') ? 'eu' : 'us')
    if (customerIo.region === undefined || region === customerIo.region) {
      return { result: 'accepted', note: `accepted by Customer.io; the account is in region ${region}` }
    }
    return {
      result: 'rejected',
      note: `the account is in region ${region}, the pipeline is configured for ${customerIo.region}`,
      hint: `Set customerio_region = ${region} in terraform/environments and run terraform apply.`,
    }
  } catch (error) {
    return failed(error, 'site id and Track API key', 'Settings, API credentials, Track API keys')
  }
}

export async function verifyApp(customerIo: CustomerIo, given: { readonly apiKey?: string }): Promise<Verification> {
  try {
    await (await customerIo.app(given)).getIpAddresses()
    return { result: 'accepted', note: 'accepted by Customer.io' }
  } catch (error) {
    return failed(error, 'App API key', 'Settings, API credentials, App API keys')
  }
}

function failed(error: unknown, what: string, where: string): Verification {
  if (error instanceof z.ZodError) return { result: 'unknown', note: 'Customer.io sent an answer of unknown form' }
  const { status, words, hint, unreachable } = describeFailure(error)
  if (status === 401 || status === 403) {
    return {
      result: 'rejected',
      note: `Customer.io rejects the ${what} (${status})`,
      hint: `Compare with Customer.io: ${where}. A key of the other region is rejected too: check --region.`,
    }
  }
  return unreachable ? { result: 'unreachable', note: words, hint } : { result: 'unknown', note: words }
}

/** Secrets of several keys, one per line. */
const RINGS: ReadonlySet<string> = new Set(['CUSTOMERIO_WEBHOOK_SIGNING_KEYS', 'PERSON_HASH_KEYS'])

/** What is wrong with the form of a value; undefined when nothing is. Pure. */
export function shapeProblem(name: string, value: string): string | undefined {
  if (value === '') return 'is empty'
  if (value === UNSET) return `is the word "${UNSET}", which stands for not configured`
  const lines = value.split('\n')
  if (!RINGS.has(name) && lines.length > 1) return 'has more than one line'
  if (name === 'PERSON_HASH_KEYS' && lines.some((line) => line.length < HASH_KEY_CHARACTERS)) {
    return `has a key of fewer than ${HASH_KEY_CHARACTERS} characters`
  }
  if (lines.some((line) => /\s/.test(line))) return 'has white space in it'
  if (/[^\x21-\x7e\n]/.test(value)) return 'has characters that no credential has'
  return undefined
}
