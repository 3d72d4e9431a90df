import { randomBytes } from 'node:crypto'
import { text as readAll } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { parseKeyRing } from '../../../shared/webhooks/index.ts'
import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { table } from '../output.ts'
import { HASH_KEYS, ringAfterRotation, throwIfNeededKeyIsDropped } from './hash-keys.ts'
import { shapeProblem, type Verification, verifyApp, verifyTrack } from './verify.ts'

export interface SetOptions {
  readonly verify: boolean
  /** Makes a random key instead of reading a value. */
  readonly generate?: boolean
}

export interface RotateOptions extends SetOptions {
  readonly wait: boolean
  readonly disablePrevious?: boolean
}

const SIGNING_KEYS = 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS'
/** A function reads a secret again when its value is 60 s old; the rest is for the request that does so. */
const LIVE_AFTER_MS = 75_000
const POLL_MS = 1_000
/** Whoever repeats a rotation that was cut off does so soon. */
const CUT_OFF_WITHIN_MS = 15 * 60_000
/** How long Secret Manager may take until `latest` is the new version. */
const LATEST_WITHIN_MS = 60_000

export async function set(context: Context, name: string, { verify, generate }: SetOptions): Promise<void> {
  const { output, connection } = context
  const value = generate ? generated(context, name) : await readValue(context, name)
  if (name === HASH_KEYS) {
    await throwIfNeededKeyIsDropped(context, value, (await connection.secrets().latest(name))?.value ?? '')
  }
  if (verify) await throwIfRejected(context, name, value)
  const version = await connection.secrets().add(name, value)
  output.result({ name, version }, () => `${name} is set (version ${version})`)
}

export async function rotate(context: Context, name: string, options: RotateOptions): Promise<void> {
  const { output, connection, prompts } = context
  const store = connection.secrets()
  const given = options.generate ? generated(context, name) : await readValue(context, name)
  const before = await store.latest(name)
  if (before === undefined) throw new CommandError(`${name} has no value to rotate`, { hint: 'Use `secrets set`.' })
  const value =
    name === SIGNING_KEYS
      ? ringWith(given, before.value)
      : name === HASH_KEYS
        ? await ringAfterRotation(context, given, before.value)
        : given
  let version = before.version
  if (value !== before.value.trim()) {
    if (options.verify) await throwIfRejected(context, name, given)
    version = await store.add(name, value)
    output.note(`added version ${version} of ${name}`)
    context.done.note(`version ${version} of ${name} added`)
    await untilLatest(context, name, value)
  } else if (await isYoung(context, name, version)) {
    output.note(`resuming the rotation that added version ${version} of ${name}`)
  } else {
    throw new CommandError(`${name} already has this value; nothing was changed`, {
      hint: 'Did you enter the old value?',
    })
  }
  if (options.wait) {
    output.note(`waiting ${LIVE_AFTER_MS / 1_000} s until every function has read it`)
    await delay(LIVE_AFTER_MS, undefined, { signal: context.signal })
  }
  const disabled: string[] = []
  if (options.disablePrevious) {
    // By our own version's number and not by the order of the list: never the newest.
    const earlier = (await store.versions(name)).filter(
      (each) => each.state === 'enabled' && isBefore(each.version, version),
    )
    if (earlier.length > 0) {
      const numbers = earlier.map((each) => each.version)
      await prompts.confirm(`Disable version ${numbers.join(', ')} of ${name}?`)
      for (const number of numbers) {
        await store.disable(name, number)
        disabled.push(number)
        context.done.note(`version ${number} of ${name} disabled`)
      }
    }
  }
  output.result({ name, version, live: options.wait, disabled }, () =>
    [
      `${name} is rotated: version ${version} is ${options.wait ? 'in use' : 'the latest; functions read it within a minute'}`,
      ...(disabled.length > 0 ? [`disabled: version ${disabled.join(', ')}`] : []),
      ...(name === SIGNING_KEYS
        ? [
            'the previous key stays valid; once Customer.io signs with the new one, remove it: `secrets set` the new key alone',
          ]
        : []),
    ].join('\n'),
  )
}

export async function check(context: Context): Promise<void> {
  const { output, connection } = context
  const checks = await checkSecrets(context)
  output.result(checks, () =>
    table(
      ['secret', 'version', 'state', ''],
      checks.map(({ name, version, state, note }) => [name, version ?? '-', state, note]),
    ),
  )
  const wrong = checks.filter(({ state }) => state !== 'ok')
  if (wrong.length === 0) return
  const down = wrong.filter(({ state }) => state === 'unreachable')
  if (down.length === wrong.length) {
    const message = `Customer.io is unreachable: ${down.length} of ${checks.length} secrets could not be tried`
    throw new CommandError(message, down[0]?.hint === undefined ? {} : { hint: down[0].hint })
  }
  const hints = [...new Set(wrong.flatMap(({ hint }) => hint ?? []))]
  throw new CommandError(`${wrong.length} of ${checks.length} secrets of ${connection.name} need attention`, {
    ...(hints.length > 0 && { hint: hints.join('\n  ') }),
  })
}

export interface SecretCheck {
  readonly name: string
  readonly version: string | undefined
  readonly state: 'ok' | 'missing' | 'wrong' | 'unknown' | 'unreachable'
  readonly note: string
  readonly hint?: string
}

/** The state of every secret, tried at Customer.io where possible. */
export async function checkSecrets({ connection }: Context): Promise<readonly SecretCheck[]> {
  const store = connection.secrets()
  const customerIo = connection.customerIo()
  const values = new Map<string, { readonly version: string; readonly value: string }>()
  for (const name of store.names) {
    const latest = await store.latest(name)
    if (latest !== undefined) values.set(name, { version: latest.version, value: latest.value.trim() })
  }
  const usable = (name: string) => {
    const value = values.get(name)?.value
    return value !== undefined && shapeProblem(name, value) === undefined ? value : undefined
  }
  const siteId = usable('CUSTOMERIO_SITE_ID')
  const trackKey = usable('CUSTOMERIO_TRACK_API_KEY')
  const appKey = usable('CUSTOMERIO_APP_API_KEY')
  const track = siteId && trackKey ? await verifyTrack(customerIo, { siteId, apiKey: trackKey }) : undefined
  const app = appKey ? await verifyApp(customerIo, { apiKey: appKey }) : undefined
  const verifications: Readonly<Record<string, Verification | undefined>> = {
    CUSTOMERIO_SITE_ID: track,
    CUSTOMERIO_TRACK_API_KEY: track,
    CUSTOMERIO_APP_API_KEY: app,
  }
  return store.names.map((name): SecretCheck => {
    const stored = values.get(name)
    const hint = `Set it: npx cio-gcp secrets set ${name}${name === HASH_KEYS ? ' --generate' : ''}`
    if (stored === undefined || stored.value === 'unset') {
      return { name, version: stored?.version, state: 'missing', note: 'not configured yet', hint }
    }
    const problem = shapeProblem(name, stored.value)
    if (problem !== undefined) return { name, version: stored.version, state: 'wrong', note: problem, hint }
    if (name === SIGNING_KEYS) return { name, version: stored.version, state: 'ok', note: ringNote(stored.value) }
    if (name === HASH_KEYS) {
      const keys = parseKeyRing(stored.value).length
      return {
        name,
        version: stored.version,
        state: 'ok',
        note: keys === 1 ? 'one key' : `${keys} keys, current first`,
      }
    }
    const verification = verifications[name]
    if (verification === undefined) {
      return {
        name,
        version: stored.version,
        state: 'unknown',
        note: 'cannot be tried until the other half of the pair is set',
      }
    }
    const { result } = verification
    const state = result === 'accepted' ? 'ok' : result === 'rejected' ? 'wrong' : result
    return {
      name,
      version: stored.version,
      state,
      note: verification.note,
      ...(verification.hint && { hint: verification.hint }),
    }
  })
}

function ringNote(value: string): string {
  const keys = parseKeyRing(value).length
  return keys === 1
    ? 'one key; `doctor` sees whether Customer.io signs with it'
    : `${keys} keys, current first; \`doctor\` sees whether Customer.io signs with one of them`
}

/** The new key in front of the current one; older keys are dropped. Pure. */
export function ringWith(key: string, ring: string): string {
  const [current] = parseKeyRing(ring).filter((each) => each !== key)
  return current === undefined ? key : `${key}\n${current}`
}

/** 256 bits that nobody has seen: for keys that are ours alone. */
function generated({ connection }: Context, name: string): string {
  if (!connection.secrets().names.includes(name) || name !== HASH_KEYS) {
    throw usageError(`--generate makes ${HASH_KEYS} only; the other secrets are made at Customer.io`)
  }
  return randomBytes(32).toString('base64url')
}

async function readValue({ stdin, output, prompts, connection }: Context, name: string): Promise<string> {
  const { names } = connection.secrets()
  if (!names.includes(name)) throw usageError(`there is no secret ${name}`, `Use one of: ${names.join(', ')}.`)
  if (prompts.interactive) output.note('The value is not shown while you type.')
  const text = prompts.interactive ? await prompts.secret(`Value of ${name}`) : await readAll(stdin)
  const value = text.replaceAll('\r', '').trim()
  const problem = shapeProblem(name, value)
  if (problem !== undefined) throw usageError(`the value ${problem}; nothing was changed`)
  return value
}

/** Tries the new value at Customer.io before it replaces one that works. */
async function throwIfRejected({ connection, output }: Context, name: string, value: string): Promise<void> {
  const customerIo = connection.customerIo()
  const verification = await tryOut()
  if (verification === undefined || verification.result === 'accepted') return
  if (verification.result === 'unknown' || verification.result === 'unreachable') {
    output.warn(`the value could not be tried: ${verification.note}`)
    return
  }
  throw new CommandError(
    `${verification.note}; nothing was changed`,
    verification.hint === undefined ? {} : { hint: verification.hint },
  )

  async function tryOut(): Promise<Verification | undefined> {
    if (name === 'CUSTOMERIO_APP_API_KEY') return verifyApp(customerIo, { apiKey: value })
    // Each half of the pair can only be tried with the other.
    const other = name === 'CUSTOMERIO_SITE_ID' ? 'CUSTOMERIO_TRACK_API_KEY' : 'CUSTOMERIO_SITE_ID'
    if (name === SIGNING_KEYS || name === HASH_KEYS) return undefined
    const stored = (await connection.secrets().latest(other))?.value.trim()
    if (stored === undefined || shapeProblem(other, stored) !== undefined) return undefined
    return verifyTrack(
      customerIo,
      name === 'CUSTOMERIO_SITE_ID' ? { siteId: value, apiKey: stored } : { siteId: stored, apiKey: value },
    )
  }
}

/** Added by a rotation that was interrupted a moment ago, not long before. */
async function isYoung({ connection, now }: Context, name: string, version: string): Promise<boolean> {
  const found = (await connection.secrets().versions(name)).find((each) => each.version === version)
  return found?.createdAtMs !== undefined && now() - found.createdAtMs < CUT_OFF_WITHIN_MS
}

async function untilLatest({ connection, now, signal }: Context, name: string, value: string): Promise<void> {
  const deadlineMs = now() + LATEST_WITHIN_MS
  while ((await connection.secrets().latest(name))?.value !== value) {
    if (now() > deadlineMs) {
      throw new CommandError(`the new version of ${name} was added, but functions do not get it yet`, {
        hint: 'Somebody may have added another version meanwhile: `secrets check` shows the latest.',
      })
    }
    await delay(POLL_MS, undefined, { signal })
  }
}

function isBefore(one: string, other: string): boolean {
  return Number(one) < Number(other)
}
