import type { z } from 'zod'
import type { Connection } from '../connection.ts'
import type { Finding } from '../finding.ts'
import { type GoogleApi, isServiceDisabled, reasonOf, requestGoogle } from '../google-api.ts'

/** What Google answered to a question of the preflight. Only `found` and `absent` say anything of the project. */
export type Answer<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'absent' }
  /** The API is not enabled, in the project or where the credentials are counted. */
  | { readonly kind: 'disabled'; readonly why: string; readonly service: string }
  | { readonly kind: 'unread'; readonly why: string }

/** Asks one question; a `body` makes it a POST. */
export type Read = <T>(api: GoogleApi, path: string, schema: z.ZodType<T>, body?: object) => Promise<Answer<T>>

/** Reads with the credentials of whoever runs the command. Nothing is written. */
export function readerOf(connection: Connection): Read {
  return async (api, path, schema, request) => {
    const { status, body } = await requestGoogle(connection, api, path, request)
    if (status === 404) return { kind: 'absent' }
    if (status === 403 && isServiceDisabled(body)) {
      return { kind: 'disabled', why: 'its API is not enabled', service: `${api}.googleapis.com` }
    }
    if (status >= 300) return { kind: 'unread', why: `${status}: ${reasonOf(body)}` }
    const parsed = schema.safeParse(body)
    if (!parsed.success) return { kind: 'unread', why: `an answer of ${api} that was not expected` }
    return { kind: 'found', value: parsed.data }
  }
}

/** What could not be read. `fix` says why it matters and what to do, in sentences. */
export function unknown(
  area: string,
  what: string,
  answer: Exclude<Answer<unknown>, { kind: 'found' }>,
  fix: string,
): Finding {
  const why = answer.kind === 'absent' ? 'not found' : answer.why
  const enable =
    answer.kind === 'disabled' ? ` To know: gcloud services enable ${answer.service}, then run this again.` : ''
  return { area, state: 'unknown', note: `${what} could not be read (${why})`, fix: `${fix}${enable}` }
}
