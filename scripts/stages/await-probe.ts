import { parseArgs } from 'node:util'
import { type Clock, sleep, systemClock } from '../../shared/clock/index.ts'
import { isRecord } from '../../shared/json/index.ts'

/**
 * Waits after an apply until the probe has found every link intact several times in a row. Between two stages of a
 * deployment, it runs from a checkout in which nothing was installed.
 *
 *   ACCESS_TOKEN=… node scripts/stages/await-probe.ts --project PROJECT [--name-prefix PREFIX-] --rounds 3
 */

/** How one round of the probe ended: the log line with the event `probe_round`. */
export interface Round {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly ok: boolean
  /** The broken links, as the probe names them. */
  readonly broken: string
}

export interface AwaitProbeOptions {
  readonly rounds: number
  readonly clock: Clock
  /** The rounds that ended after this time, oldest first. Rejects when they cannot be read. */
  roundsSince(sinceMs: number): Promise<readonly Round[]>
  say(line: string): void
}

/** Cloud Scheduler starts a round every five minutes. A line is readable some seconds after it was written. */
const ROUND_MS = 5 * 60_000
const ASK_EVERY_MS = 30_000
/** A round takes a few minutes at most, and one may have been under way when the apply ended. */
const SLACK_MS = 2 * ROUND_MS

/**
 * Resolves when that many rounds that began from now on were good.
 *
 * @throws {Error} at the first round that was not, or when they take too long: then the probe itself does not run
 */
export async function awaitProbe({ rounds, clock, roundsSince, say }: AwaitProbeOptions): Promise<void> {
  const startMs = clock.now()
  const deadlineMs = startMs + rounds * ROUND_MS + SLACK_MS
  let told = 0
  for (;;) {
    // What began before the apply ended tried the old functions, or both.
    const begun = (await roundsSince(startMs)).filter(({ startedAt }) => startedAt >= startMs)
    for (const { ok, broken } of begun.slice(told)) {
      told += 1
      if (!ok) throw new Error(`the probe found broken: ${broken}. The next stage was not begun`)
      say(`round ${told} of ${rounds} was good`)
      if (told >= rounds) return
    }
    if (clock.now() >= deadlineMs) {
      throw new Error(
        `only ${told} of ${rounds} rounds of the probe ended within ${(deadlineMs - startMs) / 60_000} minutes: does its schedule run?`,
      )
    }
    await sleep(clock, ASK_EVERY_MS)
  }
}

/** Cloud Logging's answer as rounds. A line that is none of the probe's is left out. Pure. */
export function readRounds(answer: unknown): readonly Round[] {
  const entries = isRecord(answer) && Array.isArray(answer.entries) ? answer.entries : []
  return entries.flatMap((entry: unknown): Round[] => {
    if (!isRecord(entry) || typeof entry.timestamp !== 'string' || !isRecord(entry.jsonPayload)) return []
    const { ok, latency_ms: latencyMs, reason } = entry.jsonPayload
    if (typeof ok !== 'boolean' || typeof latencyMs !== 'number') return []
    const broken = typeof reason === 'string' ? reason : 'it does not say what'
    return [{ startedAt: Date.parse(entry.timestamp) - latencyMs, ok, broken }]
  })
}

/** Reads the rounds by https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list. */
export function roundsFromLog(options: {
  readonly project: string
  /** Of the pipeline: `name_prefix` of its values.yaml. */
  readonly namePrefix: string
  readonly token: string
  readonly fetch: typeof fetch
  readonly url?: string
}): AwaitProbeOptions['roundsSince'] {
  const { project, namePrefix, token, fetch, url = 'https://logging.googleapis.com' } = options
  return async (sinceMs) => {
    const response = await fetch(`${url}/v2/entries:list`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceNames: [`projects/${project}`],
        filter: [
          'resource.type="cloud_run_revision"',
          `resource.labels.service_name="${namePrefix}probe"`,
          'jsonPayload.event="probe_round"',
          `timestamp>="${new Date(sinceMs).toISOString()}"`,
        ].join(' AND '),
        orderBy: 'timestamp asc',
        pageSize: 100,
      }),
      signal: AbortSignal.timeout(20_000),
    })
    if (!response.ok) {
      throw new Error(`Cloud Logging answered ${response.status}: the account needs roles/logging.viewer in ${project}`)
    }
    return readRounds(await response.json())
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      project: { type: 'string' },
      'name-prefix': { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const token = process.env.ACCESS_TOKEN
  const rounds = Number(values.rounds)
  if (!values.project || !token || !Number.isInteger(rounds) || rounds < 1) {
    console.error(
      'ACCESS_TOKEN=… node scripts/stages/await-probe.ts --project PROJECT [--name-prefix PREFIX-] --rounds 3',
    )
    process.exitCode = 2
    return
  }
  const roundsSince = roundsFromLog({
    project: values.project,
    namePrefix: values['name-prefix'],
    token,
    fetch,
  })
  try {
    await awaitProbe({ rounds, clock: systemClock, roundsSince, say: console.log })
  } catch (error) {
    console.error(`::error::${error instanceof Error ? error.message : 'the probe could not be read'}`)
    process.exitCode = 1
  }
}

if (process.argv[1] === import.meta.filename) void main()
