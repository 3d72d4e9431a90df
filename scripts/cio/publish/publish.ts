import { readFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { isTopicName, TOPIC_SCHEMAS, type TopicName } from '../../../shared/contract/index.ts'
import { type Lane, MessagingPublisher } from '../../../shared/publisher/index.ts'
import { documentPath } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { CommandError, EXIT, usageError, wordsOf } from '../errors.ts'
import { count } from '../output.ts'
import { createPace } from '../pace.ts'
import { startProgress } from '../progress.ts'
import { check, drasticIn, publishValid, splitMessages, type ValidMessage } from './messages.ts'
import { mayCreate, updateOnly } from './update-only.ts'

export interface PublishOptions {
  readonly file?: string
  readonly key?: string
  readonly rate?: number
  readonly lane?: Lane | 'urgent'
  /** People whom Customer.io does not know are created, or not: to be said of updates in the bulk lane. */
  readonly create?: boolean
  readonly updateOnly?: boolean
  /** Milliseconds from its publication, after which a message is not sent any more. */
  readonly validFor?: number
  readonly dryRun?: boolean
}

interface Line {
  readonly line: number
  readonly valid: ValidMessage
}

/** Messages in flight: enough for the client to batch, few enough to stop soon. */
const CHUNK = 200
const PROBLEMS_SHOWN = 20
const PUBLISH_TIMEOUT_MS = 20_000

export async function publish(
  context: Context,
  topic: string,
  message: string | undefined,
  options: PublishOptions,
): Promise<void> {
  if (!isTopicName(topic))
    throw usageError(`there is no topic ${topic}`, `Use one of: ${Object.keys(TOPIC_SCHEMAS).join(', ')}.`)
  const { output, now } = context
  const valid: Line[] = []
  const broken: string[] = []
  for (const { line, text } of splitMessages(await readInput(message, options.file, context.stdin))) {
    const checked = check(topic, Buffer.from(text), now)
    if (checked.ok) valid.push({ line, valid: checked.valid })
    else broken.push(`line ${line}: ${checked.problem}`)
  }
  if (broken.length > 0) throw brokenError(topic, valid.length + broken.length, broken)
  const messages = asMeant(valid, options)
  if (options.dryRun) {
    output.result({ topic, valid: valid.length, published: [] }, () => `${count(valid.length, 'message')} valid`)
    return
  }
  await confirmDrastic(context, topic, messages)
  const published = await publishAll(context, messages, options)
  output.result({ topic, published }, () =>
    published.length === 1
      ? `published to ${topic}: message ${published[0]?.messageId}, key ${published[0]?.key}`
      : `published ${count(published.length, 'message')} to ${topic}`,
  )
}

const laneOf = ({ lane, file }: PublishOptions) => lane ?? (file === undefined ? 'urgent' : 'bulk')

/**
 * Updates of people as they are meant. In the bulk lane one that may create a person brings back who is deleted while it waits, so
 * somebody has to say that it should.
 */
function asMeant(lines: readonly Line[], options: PublishOptions): readonly Line[] {
  if (options.create && options.updateOnly) throw usageError('--create or --update-only, not both')
  if (options.updateOnly) {
    return lines.map(({ line, valid }) => ({
      line,
      valid: valid.topic === 'identify' ? { ...valid, message: updateOnly(valid.message) } : valid,
    }))
  }
  const creating = lines.filter(({ valid }) => valid.topic === 'identify' && mayCreate(valid.message)).length
  if (creating === 0 || options.create || laneOf(options) === 'urgent') return lines
  throw usageError(
    `${count(creating, 'update')} of people may create them, also somebody who is deleted while it waits in the bulk lane`,
    'Add --update-only if these people exist at Customer.io, or --create if some are new.',
  )
}

/** Asks before the first message when any of them reaches many people, or cannot be taken back. */
async function confirmDrastic(
  { prompts, connection }: Context,
  topic: TopicName,
  lines: readonly Line[],
): Promise<void> {
  const drastic = lines.flatMap(({ valid }) => drasticIn(valid) ?? [])
  if (drastic.length === 0) return
  const kinds = [...Map.groupBy(drastic, (kind) => kind)].map(([kind, all]) => count(all.length, kind)).join(', ')
  const what = `${count(lines.length, 'message')} to the topic ${topic} of ${connection.name}`
  await prompts.confirm(`Publish ${what}, among them ${kinds}? This cannot be taken back.`)
}

async function readInput(
  message: string | undefined,
  file: string | undefined,
  stdin: NodeJS.ReadableStream,
): Promise<string> {
  if (message !== undefined && file !== undefined) throw usageError('give the message or --file, not both')
  if (message === '-') return await readAll(stdin)
  if (message !== undefined) return message
  if (file === undefined)
    throw usageError('no message is given', 'Give it as JSON, use - for standard input, or use --file.')
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw usageError(`--file: ${wordsOf(cause)}`)
  }
}

function brokenError(topic: TopicName, all: number, broken: readonly string[]): CommandError {
  const more = broken.length > PROBLEMS_SHOWN ? [`and ${broken.length - PROBLEMS_SHOWN} more`] : []
  const what = all === 1 ? 'the message breaks' : `${broken.length} of ${all} messages break`
  const lines = [...broken.slice(0, PROBLEMS_SHOWN), ...more].map((line) => `\n  ${line}`).join('')
  return new CommandError(`nothing was published: ${what} the contract of ${topic}${lines}`, {
    hint: `The contract: ${documentPath('shared/contract/README.md')}`,
  })
}

interface Published {
  readonly line: number
  readonly messageId: string
  readonly key: string
}

async function publishAll(
  { connection, output, now, signal, done }: Context,
  messages: readonly Line[],
  options: PublishOptions,
): Promise<Published[]> {
  const { key, rate, file, validFor } = options
  const expiry = validFor === undefined ? {} : { validForSeconds: validFor / 1_000 }
  const prefix = key ?? crypto.randomUUID()
  // A file may have more lines next time: its first line must keep its key.
  const single = messages.length === 1 && file === undefined
  const publisher = new MessagingPublisher({
    pubsub: await connection.pubsub(),
    topicPrefix: connection.topology.namePrefix,
    ...(laneOf(options) === 'bulk' && { lane: 'bulk' }),
    timeoutMs: PUBLISH_TIMEOUT_MS,
    now,
  })
  // Said first: a killed process cannot say it.
  if (key === undefined && messages.length > 1) output.note(`if this is interrupted, run it again with --key ${prefix}`)
  const pace = createPace(rate, now, signal)
  const progress = await startProgress(output, 'publishing', messages.length, now)
  const published: Published[] = []
  const chunk = rate === undefined ? CHUNK : Math.max(1, Math.min(CHUNK, Math.ceil(rate / 4)))
  try {
    for (let start = 0; start < messages.length; start += chunk) {
      const part = messages.slice(start, start + chunk)
      await pace(part.length)
      const publishing = part.map(async ({ line, valid }): Promise<Published> => {
        const idempotencyKey = single ? prefix : `${prefix}:${line}`
        const messageId = await publishValid(publisher, valid, { idempotencyKey, ...expiry })
        return { line, messageId, key: idempotencyKey }
      })
      const settled = await Promise.allSettled(publishing)
      const accepted = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      published.push(...accepted)
      done.add(accepted.length, 'message', 'published')
      const failed = settled.find((each) => each.status === 'rejected')
      if (failed !== undefined) throw notAllError(published.length, messages.length, prefix, failed.reason)
      progress.at(published.length)
    }
  } catch (error) {
    if (!signal.aborted || error instanceof CommandError) throw error
    const message = `stopped after ${published.length} of ${count(messages.length, 'message')}`
    throw new CommandError(message, { exitCode: EXIT.aborted, hint: again(prefix) })
  } finally {
    progress.end()
    await publisher.close()
  }
  return published
}

function notAllError(done: number, all: number, prefix: string, cause: unknown): CommandError {
  return new CommandError(`${done} of ${count(all, 'message')} published`, { cause, hint: again(prefix) })
}

function again(prefix: string): string {
  return `Run it again with --key ${prefix}: what was published already takes effect only once.`
}
