import type { CallOutcome } from '../outcome/index.ts'

/** What one request for several items came to. */
export type BatchAnswer<R> =
  /** The server looked at each: one outcome per item, in order. */
  | { readonly kind: 'perItem'; readonly outcomes: readonly R[] }
  /** The server refused the request as a whole (400, 413), which says nothing of the single items. */
  | { readonly kind: 'refusedWhole'; readonly outcome: R }
  /** Trouble that passes, or that concerns the request and not the items: asking for parts of it would only add to it. */
  | { readonly kind: 'undecided'; readonly outcome: R }

/**
 * One outcome per item, in order, from a server that may refuse a whole request for the sake of some of its items.
 * A refused request is sent again in halves, one after the other. A half that must hold a culprit, because the request
 * was refused and its other half was accepted, is not sent as a whole but halved at once.
 *
 * A single item is refused only after it was sent alone, so the reason is the server's own for that very item, and a
 * request that was refused for its size alone loses nothing. Three culprits in 100 items take at most 40 requests.
 *
 * As soon as an answer is `undecided` no more is sent: every item without an outcome by then gets that one.
 * Never throws unless `send` throws. `items` must not be empty.
 */
export async function bisect<T, R extends { readonly kind: string } = CallOutcome>(
  items: readonly T[],
  send: (items: readonly T[]) => Promise<BatchAnswer<R>>,
): Promise<R[]> {
  const outcomes: R[] = []
  let trouble: { readonly outcome: R } | undefined

  /** Appends the outcomes of `part`, in order; true when all of it was accepted. */
  async function decide(part: readonly T[], knownToBeRefused: boolean): Promise<boolean> {
    if (trouble !== undefined) {
      repeat(trouble.outcome, part.length)
      return false
    }
    if (!knownToBeRefused || part.length === 1) {
      const answer = await send(part)
      if (answer.kind === 'perItem') {
        if (answer.outcomes.length !== part.length) {
          throw new Error(`a request of ${part.length} items was answered with ${answer.outcomes.length} outcomes`)
        }
        for (const outcome of answer.outcomes) outcomes.push(outcome)
        return answer.outcomes.every((outcome) => outcome.kind === 'delivered')
      }
      if (answer.kind === 'undecided') trouble = answer
      if (answer.kind === 'undecided' || part.length === 1) {
        repeat(answer.outcome, part.length)
        return false
      }
    }
    const half = part.length >> 1
    const firstAccepted = await decide(part.slice(0, half), false)
    return (await decide(part.slice(half), firstAccepted)) && firstAccepted
  }

  function repeat(outcome: R, times: number): void {
    for (let item = 0; item < times; item++) outcomes.push(outcome)
  }

  await decide(items, false)
  return outcomes
}
