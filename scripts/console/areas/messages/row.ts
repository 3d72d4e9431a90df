import { isRecord } from '../../../../shared/json/index.ts'
import { whatIs } from '../../../cio/dead-letters/body.ts'
import { printable } from '../../../cio/output.ts'
import type { LoggedMessage } from '../../../local/message-log.ts'

/** A message as a line of the list. */
export interface MessageRow {
  /** Of its first publish. */
  readonly id: string
  readonly publishedAtMs: number
  readonly topic: string
  readonly lane: 'bulk' | undefined
  /** A name of the person whom it is about, or an address that it goes to. */
  readonly person: string | undefined
  /** `identify`, `event order_completed`, `email`, `email.opened`. */
  readonly what: string
  readonly template: string | undefined
  /** waiting, retry, delivered, duplicate, refused, exhausted, uncertain. */
  readonly outcome: string
  readonly reason: string | undefined
  readonly attempts: number
  /** From its last publish to its outcome. */
  readonly latencyMs: number | undefined
}

/** The line of a message of the local stack. Its body may be anything. */
export function rowOf(message: LoggedMessage): MessageRow {
  const { id, topic, publishes, data, outcome, note, reason, attempts, endedAtMs } = message
  const first = publishes[0]
  const last = publishes.at(-1)
  const isEnded = outcome !== 'waiting' && outcome !== 'retry' && endedAtMs !== undefined && last !== undefined
  return {
    ...{ id, topic, ...contentOf(data), reason, attempts },
    publishedAtMs: first?.atMs ?? 0,
    lane: last?.attributes.lane === 'bulk' ? 'bulk' : undefined,
    outcome: outcome === 'delivered' && note === 'duplicate' ? 'duplicate' : outcome,
    latencyMs: isEnded ? Math.max(0, endedAtMs - last.atMs) : undefined,
  }
}

type Content = Pick<MessageRow, 'person' | 'what' | 'template'>

/** A message changes several times; its body never does. */
const contents = new WeakMap<Buffer, Content>()

function contentOf(data: Buffer): Content {
  const known = contents.get(data)
  if (known !== undefined) return known
  const content = readContent(data)
  contents.set(data, content)
  return content
}

/** As text that a sender decides: characters that would turn the line around are shown, not obeyed. */
function readContent(data: Buffer): Content {
  const what = printable(whatIs(data))
  try {
    const body: unknown = JSON.parse(data.toString('utf8'))
    if (!isRecord(body)) return { what, person: undefined, template: undefined }
    const template = body.transactional_message_id
    return {
      what,
      person: personIn(body) ?? (isRecord(body.data) ? personIn(body.data) : undefined),
      template: typeof template === 'string' || typeof template === 'number' ? printable(String(template)) : undefined,
    }
  } catch {
    return { what, person: undefined, template: undefined }
  }
}

function personIn({ identifiers, primary, to, recipient, anonymous_id: anonymous }: Readonly<Record<string, unknown>>) {
  const named = [identifiers, primary].flatMap((names) => (isRecord(names) ? Object.values(names) : []))
  const name = [...named, to, recipient, anonymous].find((each) => typeof each === 'string' || typeof each === 'number')
  return name === undefined ? undefined : printable(String(name))
}
