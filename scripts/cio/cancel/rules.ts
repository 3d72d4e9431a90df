import { type CancelRule, inForce, MOST_RULES, rulesIn, textOf } from '../../../shared/cancel/index.ts'
import type { Connection } from '../connection.ts'
import { CommandError } from '../errors.ts'
import { type SecretStore, UNSET } from '../secrets/store.ts'

const SECRET = 'CANCELLATIONS'
/** Two who take turns to the instant would go on for as long. */
const TRIES = 30

interface Reading {
  readonly connection: Pick<Connection, 'secrets'>
  readonly now: () => number
}
type Rules = readonly CancelRule[]

/** The rules in force. */
export async function readRules({ connection, now }: Reading): Promise<Rules> {
  return inForce(parsed((await connection.secrets().latest(SECRET))?.value), now())
}

/**
 * Changes the rules, and drops those that have ended. Secret Manager takes a version without asking which one it replaces, so
 * where others were faster the change is made again upon all of theirs together: each of them may have replaced another's
 * without seeing it.
 *
 * @throws when there would be too many
 */
export async function changeRules({ connection, now }: Reading, change: (rules: Rules) => Rules): Promise<void> {
  const store = connection.secrets()
  const base = await store.latest(SECRET)
  let last = Number(base?.version ?? 0)
  let theirs = parsed(base?.value)
  /** Versions from then on, but our own, are others' of the same moment. */
  let first: number | undefined = base === undefined ? undefined : last + 1
  const own = new Set<number>()
  for (let tries = 0; tries < TRIES; tries += 1) {
    const rules = change(inForce(theirs, now()))
    if (rules.length > MOST_RULES)
      throw new CommandError(`there are ${MOST_RULES} cancellations already`, {
        hint: 'Lift one: cio-gcp cancellations list, cio-gcp cancellations lift <id>.',
      })
    const added = Number(await store.add(SECRET, rules.length === 0 ? UNSET : textOf(rules)))
    // The local stack has no versions.
    if (Number.isNaN(added) || added === last + 1) return
    // The newest version was disabled: what was before it is history.
    first ??= added - 1
    own.add(added)
    last = added
    theirs = await rulesOfVersions(
      store,
      numbersBetween(first, added).filter((version) => !own.has(version)),
    )
  }
  throw new CommandError('somebody else changes the cancellations at the same time', {
    hint: 'See what is in force: cio-gcp cancellations list.',
  })
}

async function rulesOfVersions(store: SecretStore, versions: readonly number[]): Promise<Rules> {
  const read = await Promise.all(versions.map((version) => store.version(SECRET, String(version))))
  const rules = read.flatMap((version) => parsed(version?.value))
  return [...new Map(rules.map((rule) => [rule.id, rule])).values()]
}

/** From `first` to the one before `end`. */
function numbersBetween(first: number, end: number): readonly number[] {
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index)
}

function parsed(text: string | undefined): Rules {
  const written = text?.trim()
  try {
    return rulesIn(written === '' || written === UNSET ? undefined : written)
  } catch (cause) {
    throw new CommandError('the cancellations are not what they should be, so nothing is delivered', {
      cause,
      hint: 'Somebody has added a version of the secret by hand. Disable it, or add the word unset as the newest.',
    })
  }
}
