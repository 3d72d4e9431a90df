import type { Clock } from '../../shared/clock/index.ts'
import { safeErrorName } from '../../shared/errors/index.ts'
import type { Observed } from '../emulators/customerio/index.ts'
import { PERSON, PROBES, type Probe, ProbeError, type Probing, undo } from './probes.ts'
import { ConformanceWorkspace, type WorkspaceOptions } from './workspace.ts'

export interface Hosts extends Pick<WorkspaceOptions, 'trackHost' | 'appHost'> {
  /** For people. */
  readonly name: string
}

/** Addresses of a region, or of a Customer.io on this machine; undefined for anything else. Pure. */
export function hostsOf(workspace: string | undefined): Hosts | undefined {
  if (workspace === 'us' || workspace === 'eu') {
    const suffix = workspace === 'eu' ? '-eu' : ''
    return {
      name: `a workspace in the region ${workspace}`,
      trackHost: `https://track${suffix}.customer.io`,
      appHost: `https://api${suffix}.customer.io`,
    }
  }
  // Credentials go nowhere but to Customer.io and this machine.
  if (workspace === undefined || !/^http:\/\/(?:127\.0\.0\.1|localhost):\d{1,5}$/.test(workspace)) return undefined
  return { name: `the local Customer.io of ${workspace}`, trackHost: workspace, appHost: workspace }
}

/** What a run does, as far as it is known before it asks. */
export interface Planned extends Omit<Probing, 'workspace' | 'clock'> {
  /** Names of probes; all, if it is empty. */
  readonly only: readonly string[]
}

function chosen(planned: Planned): {
  readonly now: readonly Probe[]
  readonly not: readonly (readonly [Probe, string])[]
} {
  const wanted = PROBES.filter(({ name }) => planned.only.length === 0 || planned.only.includes(name))
  const reasons = wanted.map((each) => [each, each.whyNot?.(planned)] as const)
  return {
    now: reasons.flatMap(([each, why]) => (why === undefined ? [each] : [])),
    not: reasons.flatMap(([each, why]) => (why === undefined ? [] : [[each, why] as const])),
  }
}

/** What will be done to the workspace, to whom it sends, and how to undo it. Pure. */
export function planOf(hosts: Hosts, planned: Planned): string {
  const { now, not } = chosen(planned)
  return [
    `In ${hosts.name}, as the person ${PERSON}, who is created and deleted at the end:`,
    ...now.map((each) => `  ${each.name}: ${each.does(planned)}`),
    ...not.map(([{ name }, why]) => `  not ${name}: ${why}`),
    `It writes to ${planned.to ?? 'nobody'}. Campaigns that these events or updates start may write to ${PERSON}, who has no address.`,
    `Undo: it deletes ${PERSON}. If it is killed, delete that person and the reporting webhook of that name. What was delivered stays delivered.`,
  ].join('\n')
}

export interface Run extends Planned {
  readonly hosts: Hosts
  readonly credentials: Omit<WorkspaceOptions, 'trackHost' | 'appHost'>
  readonly clock: Clock
  readonly say: (line: string) => void
}

/** Runs the probes one by one, and deletes the person whatever comes of them. */
export async function probe(run: Run): Promise<{ readonly observed: Observed; readonly failures: readonly string[] }> {
  const { hosts, credentials, clock, say } = run
  const workspace = new ConformanceWorkspace({ ...hosts, ...credentials })
  const failures: string[] = []
  let observed: Observed = { observed_at: new Date(clock.now()).toISOString(), workspace: hosts.name }
  try {
    for (const each of chosen(run).now) {
      try {
        const found = await each.observe({ ...run, workspace })
        observed = { ...observed, ...found }
        say(`${each.name}: ${JSON.stringify(found)}`)
      } catch (error) {
        failures.push(each.name)
        say(`${each.name}: not observed: ${error instanceof ProbeError ? error.message : safeErrorName(error)}`)
      }
    }
  } finally {
    await undo({ workspace })
  }
  return { observed, failures }
}
