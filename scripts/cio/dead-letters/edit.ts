import { z } from 'zod'
import { isTopicName } from '../../../shared/contract/index.ts'
import { aborted, wordsOf } from '../errors.ts'
import type { Output } from '../output.ts'
import type { Prompts } from '../prompts.ts'
import { check } from '../publish/messages.ts'
import { indented, jsonOf } from './body.ts'
import type { DeadLetter, Replay } from './dead-letter.ts'

const editedSchema = z.strictObject({ attributes: z.record(z.string(), z.string()), message: z.unknown() })

/** Lets a person change a message before it is replayed, again until it keeps the contract of its topic. */
export async function edited(
  prompts: Prompts,
  output: Output,
  deadLetter: DeadLetter,
  replay: Replay,
  now: () => number,
): Promise<Replay> {
  let text = editableText(replay)
  for (;;) {
    const before = text
    text = await prompts.edit(
      `Edit dead letter ${deadLetter.id} (${deadLetter.attributes.error ?? 'no error is known'})`,
      text,
      '.json',
    )
    const result = readEdited(deadLetter.source.topic, text, replay, now)
    if (result.ok) return result.replay
    output.error(result.problem)
    // An editor that changes nothing (`true`, a script) would be opened forever when --yes answers.
    if (text === before)
      throw aborted('the edit changed nothing and the message still breaks the contract: it was not replayed')
    await prompts.confirm('Edit it again? (No: stop, and replay nothing more.)')
  }
}

/** Attributes and message as JSON, for an editor. */
export function editableText({ attributes, data }: Replay): string {
  const text = data.toString('utf8')
  return (
    indented({ attributes, message: jsonOf(data) ?? text }) ?? JSON.stringify({ attributes, message: text }, null, 2)
  )
}

export type Edited =
  | { readonly ok: true; readonly replay: Replay }
  /** What is wrong, field by field. */
  | { readonly ok: false; readonly problem: string }

/** Reads what {@link editableText} became under somebody's hands. It must keep the contract of its topic, if that has one. */
export function readEdited(topic: string, text: string, replay: Replay, now: () => number): Edited {
  let edited: Replay
  try {
    const { attributes, message } = editedSchema.parse(JSON.parse(text))
    const data = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
    edited = { ...replay, attributes, data }
  } catch (error) {
    return { ok: false, problem: error instanceof z.ZodError ? z.prettifyError(error) : wordsOf(error) }
  }
  const checked = isTopicName(topic) ? check(topic, edited.data, now) : undefined
  if (checked?.ok === false) {
    return { ok: false, problem: `it still breaks the contract of ${topic}: ${checked.problem}` }
  }
  return { ok: true, replay: edited }
}
