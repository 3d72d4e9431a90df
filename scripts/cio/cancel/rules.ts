import { type CancelRule, inForce, MOST_RULES, rulesIn, textOf } from '../../../shared/cancel/index.ts'
import type { Connection } from '../connection.ts'
import { CommandError } from '../errors.ts'
import { UNSET } from '../secrets/store.ts'

const SECRET = 'CANCELLATIONS'
const TRIES = 5

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
 * where somebody was faster the change is made again upon theirs.
 *
 * @throws when there would be too many
 */
export async function changeRules({ connection, now }: Reading, change: (rules: Rules) => Rules): Promise<void> {
  const store = connection.secrets()
  let base = await store.latest(SECRET)
  for (let tries = 0; tries < TRIES; tries += 1) {
    const rules = change(inForce(parsed(base?.value), now()))
    if (rules.length > MOST_RULES)
      throw new CommandError(`there are ${MOST_RULES} cancellations already`, {
        hint: 'Lift one: cio-gcp cancellations list, cio-gcp cancellations lift <id>.',
      })
    const added = Number(await store.add(SECRET, rules.length === 0 ? UNSET : textOf(rules)))
    // The local stack has no versions.
    if (Number.isNaN(added) || added === Number(base?.version ?? 0) + 1) return
    const theirs = await store.version(SECRET, String(added - 1))
    base = { version: String(added), value: theirs?.value ?? UNSET }
  }
  throw new CommandError('somebody else changes the cancellations at the same time', {
    hint: 'See what is in force: cio-gcp cancellations list.',
  })
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
