import { computed, signal } from '@preact/signals'
import type { ActionAnswer, LettersAnswer } from '../../areas/dead-letters/dead-letters.ts'
import type { LetterRow } from '../../areas/dead-letters/letter.ts'
import type { LookEvent, LookState } from '../../areas/dead-letters/look.ts'
import { get, live, post } from '../client.ts'

export const state = signal<LookState>({ phase: 'none' })
/** Oldest first. */
export const letters = signal<readonly LetterRow[]>([])
export const sources = signal<readonly string[]>([])
export const allowActions = signal(false)
/** What was done last, or what went wrong. */
export const said = signal<{ readonly text: string; readonly isProblem: boolean } | undefined>(undefined)
/** The action that is under way: one at a time. */
export const busy = signal<string | undefined>(undefined)
export const chosen = signal<ReadonlySet<string>>(new Set())

export const byId = computed(() => new Map(letters.value.map((letter) => [letter.messageId, letter])))

/** Follows the look that all pages share, until the returned function is called. */
export function follow(): () => void {
  void load()
  return live<LookEvent>('dead-letters', {
    events: (events) => {
      for (const { state: now, removed } of events) {
        const before = state.value.phase
        state.value = now
        if (removed.length > 0) remove(new Set(removed))
        // Who looks gets the list as the answer.
        const isOurs = busy.value === PULLING
        if (!isOurs && (now.phase === 'held') !== (before === 'held')) void load()
      }
    },
    lost: () => void load(),
  })
}

export async function load(): Promise<void> {
  await attempt(async () => take(await get('/api/dead-letters')))
}

const PULLING = 'Pulling'

export async function look(names: readonly string[]): Promise<void> {
  said.value = undefined
  await during(PULLING, async () => take(await post('/api/dead-letters/look', { sources: names })))
}

export async function giveBack(): Promise<void> {
  await during('Giving back', async () => take(await post('/api/dead-letters/give-back')))
}

/** Has the server do something, and says what came of it. Undefined when it was refused, and why is shown. */
export async function act<T extends ActionAnswer>(what: string, path: string, body: unknown): Promise<T | undefined> {
  return await during(what, async () => {
    const answer = await post<T>(`/api/dead-letters/${path}`, body)
    said.value = { text: [describe(answer), ...answer.notes].join(' '), isProblem: problemIn(answer) }
    return answer
  })
}

async function during<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  busy.value = what
  try {
    return await attempt(work)
  } finally {
    busy.value = undefined
  }
}

export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    said.value = { text: error instanceof Error ? error.message : String(error), isProblem: true }
    return undefined
  }
}

function take(answer: LettersAnswer): void {
  state.value = answer.state
  letters.value = answer.letters
  sources.value = answer.sources
  allowActions.value = answer.allowActions
  chosen.value = new Set([...chosen.value].filter((id) => byId.value.has(id)))
}

function remove(gone: ReadonlySet<string>): void {
  letters.value = letters.value.filter(({ messageId }) => !gone.has(messageId))
  chosen.value = new Set([...chosen.value].filter((id) => !gone.has(id)))
}

function problemIn(answer: ActionAnswer): boolean {
  return 'failure' in answer ? answer.failure !== undefined : 'settled' in answer && answer.settled === 'skipped'
}

function describe(answer: ActionAnswer): string {
  if ('purged' in answer) return `Deleted ${count(answer.purged.length)}.`
  if ('settled' in answer) return `${answer.id}: ${answer.note}.`
  const { replayed, alreadyReplayed, skipped, gone, failure } = answer
  return [
    `Replayed ${count(replayed.length)}.`,
    ...(alreadyReplayed.length > 0 ? [`An interrupted run had replayed ${alreadyReplayed.length}.`] : []),
    ...(skipped.length > 0 ? [`Skipped ${skipped.length}.`] : []),
    ...(gone.length > 0 ? [`${gone.length} were gone already.`] : []),
    ...(failure === undefined ? [] : [`Then it stopped: ${failure}. The others are still here.`]),
  ].join(' ')
}

/** `1 dead letter`, `10,000 dead letters`. */
export function count(number: number): string {
  return `${number.toLocaleString('en')} dead letter${number === 1 ? '' : 's'}`
}
