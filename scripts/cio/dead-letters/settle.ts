import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { count } from '../output.ts'
import type { DeadLetter } from './dead-letter.ts'
import { describeEvidence, type Evidence, evidenceOf } from './evidence.ts'
import { type Filter, idsNotFound, matches, notFoundError } from './filter.ts'
import { byAge } from './peek.ts'
import {
  type Decision,
  mayHaveBeenSent,
  SETTLED_SOURCE,
  type Settled,
  settleSend,
  sourcesOfEvidence,
} from './settle-send.ts'
import { sourcesOf } from './source.ts'
import { openSubscription } from './subscription.ts'

/** Shows the sends of which nobody knows whether they happened, and does what a person decides about each. */
export async function settle(
  context: Context,
  filter: Filter,
  options: { readonly sent: boolean; readonly resend: boolean },
): Promise<void> {
  const { output, prompts, connection } = context
  if (options.sent && options.resend) throw usageError('--sent or --resend, not both')
  const given: Decision | undefined = options.sent ? 'sent' : options.resend ? 'resend' : undefined
  const [source] = sourcesOf(connection.topology, [SETTLED_SOURCE])
  if (source === undefined) return
  const subscription = await openSubscription(context, source)
  try {
    const sources = await sourcesOfEvidence(context)
    const { ledger } = sources
    const deadLetters: DeadLetter[] = []
    const ids = new Set<string>()
    for await (const page of subscription.pulls()) {
      for (const deadLetter of page) {
        if (matches(deadLetter, filter, context.now())) ids.add(deadLetter.id).add(deadLetter.messageId)
        else continue
        if (await mayHaveBeenSent(ledger, deadLetter)) {
          deadLetters.push(deadLetter)
        }
      }
    }
    const missing = idsNotFound(filter, ids)
    if (missing.length > 0) throw notFoundError(missing)
    deadLetters.sort(byAge)
    const known: Evidence[] = []
    for (const deadLetter of deadLetters) known.push(await evidenceOf(sources, deadLetter))
    const ask = given === undefined && prompts.interactive && !output.json
    if (given === undefined && !ask) {
      output.result(known, () => (known.length === 0 ? 'no uncertain sends' : known.map(describeEvidence).join('\n\n')))
      return
    }
    if (given !== undefined && deadLetters.length > 0) {
      for (const each of known) output.note(`${describeEvidence(each)}\n`)
      await prompts.confirm(
        given === 'sent'
          ? `Note ${count(deadLetters.length, 'message')} as sent? Nobody will send them again.`
          : `Send ${count(deadLetters.length, 'message')} now? What did go out arrives twice.`,
      )
    }
    const settled: Settled[] = []
    for (const [index, deadLetter] of deadLetters.entries()) {
      context.signal.throwIfAborted()
      const about = known[index]
      const decision = given ?? (about === undefined ? 'skip' : await asked(context, about))
      const result: Settled =
        decision === 'skip'
          ? { id: deadLetter.id, settled: 'skipped', note: 'left as it is' }
          : await settleSend(context, ledger, subscription, deadLetter, decision)
      settled.push(result)
    }
    output.result(settled, () =>
      settled.length === 0 ? 'no uncertain sends' : settled.map(({ id, note }) => `${id}: ${note}`).join('\n'),
    )
    const busy = given === undefined ? 0 : settled.filter((each) => each.settled === 'skipped').length
    if (busy > 0)
      throw new CommandError(`${count(busy, 'send')} could not be settled`, { hint: 'Try again in a minute.' })
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
}

async function asked({ prompts, output }: Context, known: Evidence): Promise<Decision | 'skip'> {
  output.note(describeEvidence(known))
  return prompts.choose('Was it sent?', [
    { value: 'skip', name: 'leave it for now' },
    { value: 'sent', name: 'it was sent: nothing more is to happen' },
    { value: 'resend', name: 'it was not sent: send it now' },
  ])
}
