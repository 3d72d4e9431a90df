import { maskText } from '../../masked.ts'

/** What an action answers in words, each of which may quote an error of another system. */
interface Words {
  readonly skipped?: readonly { readonly messageId: string; readonly why: string }[]
  readonly warnings?: readonly { readonly warning: string; readonly messages: number }[]
  readonly failure?: string | undefined
  readonly notes?: readonly string[]
}

/**
 * An answer as a page shows it. Masked: without what looks like an address or a number of a person. The words are ours, so the
 * values of messages do not matter: masked as well, they would take words such as `delete` away. Pure.
 */
export function shownAnswer<T extends Words>(answer: T, masked: boolean): T {
  if (!masked) return answer
  const { skipped, warnings, failure, notes } = answer
  return {
    ...answer,
    ...(skipped !== undefined && { skipped: skipped.map((each) => ({ ...each, why: maskText(each.why) })) }),
    ...(warnings !== undefined && {
      warnings: warnings.map((each) => ({ ...each, warning: maskText(each.warning) })),
    }),
    ...(failure !== undefined && { failure: maskText(failure) }),
    ...(notes !== undefined && { notes: notes.map((note) => maskText(note)) }),
  }
}
