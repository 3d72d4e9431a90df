import type { Connection } from '../connection.ts'

/** What Cloud Monitoring and Cloud Logging are asked over REST: for a few questions, their client libraries are not worth it. */
export type GoogleApi = 'monitoring' | 'logging'

const TIMEOUT_MS = 20_000

/** `body` makes it a POST. `MONITORING_EMULATOR_HOST` and `LOGGING_EMULATOR_HOST` stand for Google's servers. */
export async function askGoogle(connection: Connection, api: GoogleApi, path: string, body?: object): Promise<unknown> {
  const emulator = process.env[`${api.toUpperCase()}_EMULATOR_HOST`]
  if (emulator) {
    const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const response = await fetch(`http://${emulator}${path}`, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`${api} answered ${response.status}`)
    return await response.json()
  }
  const { auth } = await connection.pubsub()
  const request = body === undefined ? {} : { method: 'POST' as const, data: body }
  const { data } = await auth.request({ url: `https://${api}.googleapis.com${path}`, timeout: TIMEOUT_MS, ...request })
  return data
}
