import { createHash } from 'node:crypto'
import type { Topology } from './topology.ts'

/** What `name_prefix` in terraform/names.tf takes. */
export const NAME_PREFIX = /^([a-z]([a-z0-9-]{0,11}[a-z0-9])?-)?$/

const ACCOUNT_ID_LENGTH = 30
const HASH_LENGTH = 6

/** Id of a service account: what is longer than Google allows ends in a hash of the whole. Pure. */
export function accountId(prefix: string, name: string): string {
  const whole = `${prefix}${name}`
  if (whole.length <= ACCOUNT_ID_LENGTH) return whole
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, HASH_LENGTH)
  return `${whole.slice(0, ACCOUNT_ID_LENGTH - HASH_LENGTH - 1).replace(/-$/, '')}-${hash}`
}

/** Id of a role: `pauser`, `replayer`. Pure. */
export function roleId(prefix: string, name: string): string {
  return `${prefix.replaceAll('-', '_')}customerio_${name}`
}

/** Type of a log-based metric of terraform/metrics.tf, without its domain. Pure. */
export function metricName({ namePrefix }: Topology, name: string): string {
  return `${namePrefix}customerio/${name}`
}

/** The name in `pipeline.yaml` of what is deployed under this one. Pure. */
export function ownName({ namePrefix }: Topology, deployed: string): string {
  return deployed.startsWith(namePrefix) ? deployed.slice(namePrefix.length) : deployed
}

/** The topology as it is deployed: every name in it is that of what is in the project. Pure. */
export function withNamePrefix(topology: Topology, prefix: string): Topology {
  const named = (name: string) => `${prefix}${name}`
  const keys = <T>(entries: Readonly<Record<string, T>>, value: (entry: T) => T) =>
    Object.fromEntries(Object.entries(entries).map(([name, entry]) => [named(name), value(entry)]))
  const maybe = <K extends string>(key: K, name: string | undefined) =>
    (name === undefined ? {} : { [key]: named(name) }) as { [key in K]?: string }
  const { bigquery, ledger, probe, record, secret_rotation } = topology
  return {
    ...topology,
    namePrefix: prefix,
    topics: keys(topology.topics, (topic) => topic),
    subscriptions: keys(topology.subscriptions, (each) => ({
      ...each,
      topic: named(each.topic),
      ...maybe('push', each.push),
      ...maybe('dead_letter_topic', each.dead_letter_topic),
    })),
    secrets: Object.fromEntries(
      Object.entries(topology.secrets).map(([variable, secret]) => [variable, { ...secret, id: named(secret.id) }]),
    ),
    secret_rotation: { ...secret_rotation, topic: named(secret_rotation.topic) },
    record: { ...record, topic: named(record.topic) },
    probe: { ...probe, topic: named(probe.topic) },
    functions: keys(topology.functions, (each) => ({
      ...each,
      ...maybe('publishes', each.publishes),
      probes: each.probes.map(named),
    })),
    ledger: { ...ledger, database: named(ledger.database) },
    bigquery: { ...bigquery, dataset: `${prefix.replaceAll('-', '_')}${bigquery.dataset}` },
  }
}
