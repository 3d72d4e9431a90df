import { createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'

/** The issuer of Google's tokens, which whoever verifies a push looks for. */
export const ISSUER = 'https://accounts.google.com'

const TOKEN_LIFETIME_SECONDS = 3_600
/** A token is used for many pushes, as Google does; a new one in good time before it ends. */
const RENEW_BEFORE_SECONDS = 300

interface SigningKey {
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** Signs the tokens of pushes with a key that is made at the first use and never leaves the process. */
export class OidcSigner {
  readonly #now: () => number
  readonly #tokens = new Map<string, { token: string; expiresSeconds: number }>()
  #key: Promise<SigningKey> | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** A signed token (RS256) for that service account and audience, with the claims that Google's have. */
  async token(email: string, audience: string): Promise<string> {
    const nowSeconds = Math.floor(this.#now() / 1000)
    const known = this.#tokens.get(`${email} ${audience}`)
    if (known !== undefined && known.expiresSeconds - RENEW_BEFORE_SECONDS > nowSeconds) return known.token
    const key = await this.#signingKey()
    const expiresSeconds = nowSeconds + TOKEN_LIFETIME_SECONDS
    const subject = subjectOf(email)
    const claims = {
      aud: audience,
      azp: subject,
      email,
      email_verified: true,
      exp: expiresSeconds,
      iat: nowSeconds,
      iss: ISSUER,
      sub: subject,
    }
    const unsigned = `${encode({ alg: 'RS256', kid: key.id, typ: 'JWT' })}.${encode(claims)}`
    const token = `${unsigned}.${sign('sha256', Buffer.from(unsigned), key.privateKey).toString('base64url')}`
    this.#tokens.set(`${email} ${audience}`, { token, expiresSeconds })
    return token
  }

  /** The public key as a JWK set, like Google's at www.googleapis.com/oauth2/v3/certs. */
  async jwks(): Promise<{ keys: JsonWebKey[] }> {
    const { id, publicKey } = await this.#signingKey()
    return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'RS256', use: 'sig' }] }
  }

  /** The public key as PEM by key id, as google-auth-library's `verifySignedJwtWithCertsAsync` takes it. */
  async certs(): Promise<Record<string, string>> {
    const { id, publicKey } = await this.#signingKey()
    return { [id]: publicKey.export({ format: 'pem', type: 'spki' }).toString() }
  }

  #signingKey(): Promise<SigningKey> {
    this.#key ??= promisify(generateKeyPair)('rsa', { modulusLength: 2048 }).then(({ privateKey }) => ({
      id: randomBytes(20).toString('hex'),
      privateKey,
      publicKey: createPublicKey(privateKey),
    }))
    return this.#key
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Google's `sub` is the account's number: some number of that length that belongs to the address. */
function subjectOf(email: string): string {
  const digits = BigInt(`0x${Buffer.from(email).toString('hex')}`) % 10n ** 20n
  return `1${digits.toString().padStart(20, '0')}`
}
