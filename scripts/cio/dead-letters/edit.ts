import { z } from 'zod'
import { isTopicName } from '../../../shared/contract/index.ts'
import { aborted, wordsOf } from '../errors.ts'
import type { Output } from '../output.ts'
import type { Prompts } from '../prompts.ts'
import { check } from '../publish/messages.ts'
import { jsonOf } from './body.ts'
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
  const { topic } = deadLetter.source
  let text = JSON.stringify(
    { attributes: replay.attributes, message: jsonOf(replay.data) ?? replay.data.toString('utf8') },
    null,
    2,
  )
  for (;;) {
    const before = text
    text = await prompts.edit(
      `Edit dead letter ${deadLetter.id} (${deadLetter.attributes.error ?? 'no error is known'})`,
      text,
      '.json',
    )
    const result = parse(text, replay)
    if (typeof result === 'string') {
      output.error(result)
    } else {
      const checked = isTopicName(topic) ? check(topic, result.data, now) : undefined
      if (checked?.ok !== false) return result
      output.error(`it still breaks the contract of ${topic}: ${checked.problem}`)
    }
    // An editor that changes nothing (`true`, a script) would be opened forever when --yes answers.
    if (text === before)
      throw aborted('the edit changed nothing and the message still breaks the contract: it was not replayed')
    await prompts.confirm('Edit it again? (No: stop, and replay nothing more.)')
  }
}

function parse(text: string, replay: Replay): Replay | string {
  try {
    const { attributes, message } = editedSchema.parse(JSON.parse(text))
    const data = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
    return { ...replay, attributes, data }
  } catch (error) {
    return error instanceof z.ZodError ? z.prettifyError(error) : wordsOf(error)
  }
}
