import { z } from 'zod'
import type { Connection } from './connection.ts'
import { CommandError } from './errors.ts'

/** What Google's REST APIs are asked with the operator's credentials: for a few questions, client libraries are not worth it. */
export type GoogleApi =
  | 'artifactregistry'
  | 'bigquery'
  | 'cloudbilling'
  | 'cloudfunctions'
  | 'cloudresourcemanager'
  | 'cloudscheduler'
  | 'firestore'
  | 'iam'
  | 'logging'
  | 'monitoring'
  | 'orgpolicy'
  | 'pubsub'
  | 'run'
  | 'secretmanager'
  | 'serviceusage'
  | 'storage'

/** The only thing that an answer below 300 has in common is that it is JSON. */
export interface GoogleAnswer {
  readonly status: number
  readonly body: unknown
}

const TIMEOUT_MS = 20_000
const SIGN_IN = 'Sign in again: gcloud auth application-default login'

/**
 * One request; `body` makes it a POST. `GOOGLE_APIS_EMULATOR_HOST` stands for all of Google's servers, each under a path of
 * its host's name.
 *
 * @throws a CommandError when no answer comes, or when Google does not accept the credentials
 */
export async function requestGoogle(
  connection: Connection,
  api: GoogleApi,
  path: string,
  body?: object,
): Promise<GoogleAnswer> {
  const host = `${api}.googleapis.com`
  const emulator = process.env.GOOGLE_APIS_EMULATOR_HOST
  const url = emulator ? `http://${emulator}/${host}${path}` : `https://${host}${path}`
  const headers = emulator ? new Headers() : await credentialsFor(connection, url)
  if (body !== undefined) headers.set('content-type', 'application/json')
  const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  let answer: GoogleAnswer
  try {
    const response = await fetch(url, { ...request, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    answer = { status: response.status, body: parsed(await response.text()) }
  } catch (cause) {
    throw new CommandError(`${host} does not answer`, {
      cause,
      hint: 'Check the connection to the internet, and proxies.',
    })
  }
  if (answer.status === 401) {
    throw new CommandError(`Google does not accept your credentials: ${reasonOf(answer.body)}`, { hint: SIGN_IN })
  }
  return answer
}

async function credentialsFor(connection: Connection, url: string): Promise<Headers> {
  const { auth } = await connection.pubsub()
  try {
    return new Headers(await auth.getRequestHeaders(url))
  } catch (cause) {
    throw new CommandError('your Google credentials cannot be used', { cause, hint: SIGN_IN })
  }
}

/**
 * The body of an answer that must be a good one.
 *
 * @throws with Google's words when it is not
 */
export async function askGoogle(connection: Connection, api: GoogleApi, path: string, body?: object): Promise<unknown> {
  const answer = await requestGoogle(connection, api, path, body)
  if (answer.status >= 300) throw new Error(`${api} answered ${answer.status}: ${reasonOf(answer.body)}`)
  return answer.body
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** https://cloud.google.com/apis/design/errors#http_mapping */
const errorSchema = z.looseObject({
  error: z.looseObject({
    message: z.string().default(''),
    details: z.array(z.looseObject({ reason: z.string().optional() })).default([]),
  }),
})

/** Google's words for an answer that is an error. */
export function reasonOf(body: unknown): string {
  return errorSchema.safeParse(body).data?.error.message || 'no reason given'
}

/** Whether the answer says that the API is not enabled: the reason `SERVICE_DISABLED` of google.rpc.ErrorInfo. */
export function isServiceDisabled(body: unknown): boolean {
  const details = errorSchema.safeParse(body).data?.error.details ?? []
  return details.some(({ reason }) => reason === 'SERVICE_DISABLED')
}
