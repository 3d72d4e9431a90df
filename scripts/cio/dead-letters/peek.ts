import type { Context } from '../context.ts'
import type { Letter } from './dead-letter.ts'
import { type Filter, matches } from './filter.ts'
import type { Journal } from './journal.ts'
import type { Source } from './source.ts'
import { Box } from './subscription.ts'

export async function openBox({ connection, now }: Context, source: Source, journal?: Journal): Promise<Box> {
  return new Box({
    subscriber: await connection.subscriber(),
    projectId: await connection.projectId(),
    source,
    now,
    local: connection.local,
    ...(journal !== undefined && { journal }),
  })
}

/** Reads letters without moving them: each is given back at the end. At most `limit` that match, oldest first. */
export async function look(
  context: Context,
  sources: readonly Source[],
  filter: Filter,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly Letter[]> {
  const found = await Promise.all(
    sources.map(async (source) => {
      await using box = await openBox(context, source)
      const letters: Letter[] = []
      for await (const page of box.pulls()) {
        letters.push(...page.filter((letter) => matches(letter, filter, context.now())))
        if (letters.length >= limit || context.signal.aborted) break
      }
      return letters
    }),
  )
  return found.flat().sort(byAge).slice(0, limit)
}

/** Shows every letter that is meant to `visit`, which keeps what it needs: any number of letters fits into memory. */
export async function lookThrough(
  context: Context,
  sources: readonly Source[],
  filter: Filter,
  visit: (letter: Letter) => void,
): Promise<void> {
  for (const source of sources) {
    await using box = await openBox(context, source)
    for await (const page of box.pulls()) {
      context.signal.throwIfAborted()
      for (const letter of page) if (matches(letter, filter, context.now())) visit(letter)
    }
  }
}

/** Those that waited longest first; two of one moment in the order of their ids. */
export function byAge(a: Letter, b: Letter): number {
  return a.givenUpAtMs - b.givenUpAtMs || a.id.localeCompare(b.id, 'en', { numeric: true })
}
