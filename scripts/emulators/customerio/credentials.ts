import { createHash, timingSafeEqual } from 'node:crypto'

/** The credentials that are valid just now. Several keys may be, as while a rotation is under way; none when revoked. */
export interface CredentialSet {
  readonly siteId: string
  readonly trackApiKeys: readonly string[]
  readonly appApiKeys: readonly string[]
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b))

/** Who may call. Keys can be added, replaced and revoked while the server runs. */
export class Credentials {
  #set: CredentialSet
  #track: string[] = []
  #app: string[] = []
  /** The header that was accepted last on each side: comparing digests for every request would cost a bench more than the rest. */
  #known = new Set<string>()

  constructor(set: CredentialSet) {
    this.#set = set
    this.replace(set)
  }

  /** What is valid now. */
  get current(): CredentialSet {
    return this.#set
  }

  /** Replaces what is given; everything else stays valid. */
  replace(changes: Partial<CredentialSet>): void {
    this.#set = { ...this.#set, ...changes }
    const { siteId, trackApiKeys, appApiKeys } = this.#set
    this.#track = trackApiKeys.map((key) => `Basic ${Buffer.from(`${siteId}:${key}`, 'utf8').toString('base64')}`)
    this.#app = appApiKeys.map((key) => `Bearer ${key}`)
    this.#known.clear()
  }

  allowsTrack(authorization: string | undefined): boolean {
    return this.#allows('track', this.#track, authorization)
  }

  allowsApp(authorization: string | undefined): boolean {
    return this.#allows('app', this.#app, authorization)
  }

  #allows(side: 'track' | 'app', valid: readonly string[], authorization: string | undefined): boolean {
    if (authorization === undefined) return false
    const known = `${side} ${authorization}`
    if (this.#known.has(known)) return true
    if (!valid.some((header) => same(header, authorization))) return false
    this.#known.add(known)
    return true
  }
}
