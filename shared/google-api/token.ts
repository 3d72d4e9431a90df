import { get } from 'node:http'
import * as z from 'zod'
import type { Clock } from '../clock/index.ts'
import { GrpcError, STATUS } from './status.ts'

/** https://cloud.google.com/compute/docs/access/authenticate-workloads#applications */
const PATH = '/computeMetadata/v1/instance/service-accounts/default/token'
/** The metadata server hands out the same token until four minutes before it expires. */
const RENEW_BEFORE_MS = 225_000
/** What a call may take on its way. */
const UNUSABLE_BEFORE_MS = 30_000
const READ_TIMEOUT_MS = 5_000
const tokenSchema = z.object({ access_token: z.string(), expires_in: z.number() })

/** The access token of the service account that this instance runs as. */
export interface AccessToken {
  /** Waits only where none is known that serves. Rejects with a {@link GrpcError}. */
  current(): Promise<string>
  /** To be called when it was refused: the next call reads another. */
  forget(): void
}

/** @param metadata origin of the metadata server */
export function createAccessToken(metadata: string, clock: Clock): AccessToken {
  let known: { readonly token: string; readonly expiresAtMs: number } | undefined
  let reading: Promise<string> | undefined

  async function read(): Promise<string> {
    try {
      const { access_token: token, expires_in: seconds } = tokenSchema.parse(JSON.parse(await textOf(metadata + PATH)))
      known = { token, expiresAtMs: clock.now() + seconds * 1_000 }
      return token
    } catch (cause) {
      // Without its message: it might hold a part of the answer.
      throw new GrpcError(STATUS.UNAVAILABLE, 'the metadata server gave no access token', { unsent: true, cause })
    } finally {
      reading = undefined
    }
  }

  return {
    async current() {
      const usable = known
      const remainingMs = usable === undefined ? 0 : usable.expiresAtMs - clock.now()
      if (usable !== undefined && remainingMs > RENEW_BEFORE_MS) return usable.token
      reading ??= read()
      if (usable === undefined || remainingMs <= UNUSABLE_BEFORE_MS) return await reading
      // The one that is known serves meanwhile, also when the metadata server is in trouble: a later call reads again.
      reading.catch(() => {})
      return usable.token
    },
    forget() {
      known = undefined
    },
  }
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { headers: { 'Metadata-Flavor': 'Google' }, timeout: READ_TIMEOUT_MS }
    const request = get(url, options, async (response) => {
      try {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`status ${response.statusCode}`))
      } catch (error) {
        reject(error)
      }
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${READ_TIMEOUT_MS} ms`)))
    request.on('error', reject)
  })
}
