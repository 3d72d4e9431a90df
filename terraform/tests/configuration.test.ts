import { z } from 'zod'
import { bodyMemoryBytes, nodeOptions, readTopology } from '../../scripts/topology/topology.ts'
import {
  LEAST_BODY_MEMORY_BYTES,
  MEMORY_PER_BODY_BYTE,
  parseIdentifyConfig,
  parseProbeConfig,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
  parseWebhookConfig,
} from '../../shared/config/index.ts'
import { LARGEST_PUSH_BYTES } from '../../shared/delivery/index.ts'
import environments from './fixtures/function-environments.json' with { type: 'json' }

/**
 * tests/environments.tftest.hcl holds the variables that Terraform plans for each function against this file; here the
 * functions' own schemas read it. So what is deployed is what they accept, whichever of the two tools is missing.
 */

const topology = readTopology()
const variables = z.record(z.string(), z.string())
const planned = z.record(z.string(), z.record(z.string(), variables)).parse(environments)

const parsers: Readonly<Record<string, (env: Record<string, string>) => object>> = {
  identify: parseIdentifyConfig,
  track: parseTrackConfig,
  transactional: parseTransactionalConfig,
  webhook: parseWebhookConfig,
  warehouse: parseWarehouseConfig,
  probe: parseProbeConfig,
}

const cases = Object.entries(planned).flatMap(([environment, functions]) =>
  Object.entries(functions).map(([name, env]) => ({ environment, name, env })),
)

it('covers every function in every environment', () => {
  const names = Object.keys(topology.functions).sort()
  expect(Object.keys(planned).sort()).toEqual(['dev', 'prod', 'staging'])
  const missing = Object.entries(planned).flatMap(([environment, functions]) =>
    names.filter((name) => !(name in functions)).map((name) => `add ${name} of ${environment} to the fixture`),
  )
  const unread = names.filter((name) => !(name in parsers)).map((name) => `add the configuration of ${name} to parsers`)
  expect([...missing, ...unread]).toEqual([])
  for (const functions of [...Object.values(planned), parsers]) expect(Object.keys(functions).sort()).toEqual(names)
})

it.each(cases)('$name accepts what it is given in $environment', ({ name, env }) => {
  expect(() => parsers[name]?.(env)).not.toThrow()
})

it.each(cases)('$name in $environment is given nothing it can do without', ({ name, env }) => {
  // These have defaults in the code; pipeline.yaml sets them so that code and infrastructure cannot drift apart.
  const optional = [
    'CANCELLATIONS_FILE',
    'CUSTOMERIO_BROADCASTS_PER_SECOND',
    'CUSTOMERIO_LOOK_UPS_PER_SECOND',
    'BODY_MEMORY_BYTES',
    'CUSTOMERIO_REQUESTS_PER_SECOND',
    'LOG_LEVEL',
    'NODE_OPTIONS',
    'SEND_LEDGER_COLLECTION',
    'SEND_LEDGER_TTL_DAYS',
  ]
  for (const variable of Object.keys(env)) {
    if (optional.includes(variable)) continue
    const { [variable]: _, ...without } = env
    expect({ variable, refused: refuses(name, without) }).toEqual({ variable, refused: true })
  }
})

/** The shortest ack deadline, in whole seconds, that the function accepts; undefined for one that is not pushed to. */
function longestPushMs(name: string, env: Record<string, string>): number | undefined {
  if (env.ACK_DEADLINE_SECONDS === undefined) return undefined
  let [shortest, accepted] = [10, 600]
  while (shortest < accepted) {
    const seconds = Math.floor((shortest + accepted) / 2)
    if (refuses(name, { ...env, ACK_DEADLINE_SECONDS: String(seconds) })) shortest = seconds + 1
    else accepted = seconds
  }
  return accepted * 1_000
}

function refuses(name: string, env: Record<string, string>): boolean {
  try {
    parsers[name]?.(env)
    return false
  } catch {
    return true
  }
}

const { customerio } = topology
const reserved = Object.values(customerio.reserved_app_shares).reduce((sum, part) => sum + part, 0)

const limits = Object.entries(planned).flatMap(([environment, functions]) => [
  { environment, functions, rate: 'REQUESTS', limit: environment === 'dev' ? 100 : 1_000 },
  { environment, functions, rate: 'BROADCASTS', limit: customerio.broadcasts_per_second },
  { environment, functions, rate: 'LOOK_UPS', limit: customerio.app_requests_per_second * (1 - reserved) },
])

it.each(limits)('in $environment, $rate of all instances leave room for a second revision', (one) => {
  const { functions, rate, limit } = one
  const total = Object.entries(functions)
    .map(([name, env]) => {
      const perInstance = Number(env[`CUSTOMERIO_${rate}_PER_SECOND`] ?? 0)
      return perInstance * (topology.functions[name]?.max_instances ?? 0)
    })
    .reduce((sum, part) => sum + part, 0)
  expect(total).toBeLessThanOrEqual(limit * customerio.headroom * 1.000001)
  expect(total).toBeGreaterThan(limit * customerio.headroom * 0.99)
})

it.each(cases)('$name in $environment holds a push no longer than pipeline.yaml says', ({ name, env }) => {
  const longestMs = longestPushMs(name, env)
  const said = topology.functions[name]?.longest_push_seconds
  expect(said).toBe(longestMs === undefined ? undefined : Math.ceil(longestMs / 1_000))
})

it('lets no more instances begin with a broadcast than Customer.io runs and queues', () => {
  const instances = Object.values(topology.functions)
    .filter(({ broadcast_share }) => broadcast_share !== undefined)
    .map(({ max_instances }) => max_instances)
  const [running, queued] = [1, 5]
  expect(instances.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(running + queued)
})

it('divides the memory between bodies and heap as the code counts on, and as everything that runs here does', () => {
  for (const [name, { memory }] of Object.entries(topology.functions)) {
    const expected = { BODY_MEMORY_BYTES: String(bodyMemoryBytes(memory)), NODE_OPTIONS: nodeOptions(memory) }
    for (const functions of Object.values(planned)) expect(functions[name]).toMatchObject(expected)
  }
  // The least that validation.tftest.hcl lets pass, and a mebibyte less.
  expect(bodyMemoryBytes('527Mi')).toBeGreaterThanOrEqual(LEAST_BODY_MEMORY_BYTES)
  expect(bodyMemoryBytes('526Mi')).toBeLessThan(LEAST_BODY_MEMORY_BYTES)
  expect(LEAST_BODY_MEMORY_BYTES).toBeGreaterThanOrEqual(2 * LARGEST_PUSH_BYTES * MEMORY_PER_BODY_BYTE)
})

it('tells the transactional function the ledger that pipeline.yaml describes', () => {
  for (const functions of Object.values(planned)) {
    const { ledger } = parseTransactionalConfig(functions.transactional ?? {})
    expect(ledger).toMatchObject({
      database: topology.ledger.database,
      collection: topology.ledger.collection,
      ttlMs: topology.ledger.ttl_days * 86_400_000,
    })
  }
})
