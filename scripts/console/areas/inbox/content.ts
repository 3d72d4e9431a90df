import { isRecord } from '../../../../shared/json/index.ts'
import { printable } from '../../../cio/output.ts'
import type { Send } from '../../../emulators/customerio/index.ts'

/** What stands in one message, as far as it is known here: the content of a template is at Customer.io. */
export interface Content {
  /** To, from, reply-to and the like, then the headers of the sender's own, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly html: boolean
  readonly text: string | undefined
  /** Of an AMP e-mail; shown as source. */
  readonly amp: string | undefined
  readonly attachments: readonly Attachment[]
  /** What the template fills in. */
  readonly data: unknown
  /** Every other field of the message. */
  readonly rest: Readonly<Record<string, unknown>>
  /** Whether anything of what the recipient reads is in the message itself. */
  readonly isKnown: boolean
}

export interface Attachment {
  readonly name: string
  /** Decoded. */
  readonly bytes: number
}

type Body = Send['body']

/** Fields of an e-mail that are headers, by the names that e-mail has for them. */
const HEADER_FIELDS = {
  to: 'To',
  from: 'From',
  cc: 'Cc',
  bcc: 'Bcc',
  reply_to: 'Reply-To',
  subject: 'Subject',
  preheader: 'Preheader',
} as const

/** What the reader of each channel sees as text. */
const TEXT_FIELDS: Readonly<Record<Send['channel'], readonly string[]>> = {
  email: ['body_plain'],
  push: ['title', 'message'],
  sms: [],
  whatsapp: [],
  in_app: [],
  inbox_message: [],
}

/** Shown elsewhere: who it goes to, what it is made from, how it came. */
const SHOWN_ELSEWHERE = ['identifiers', 'transactional_message_id', 'message_data', 'attachments', 'headers']

/** What stands in a message. Pure. */
export function contentOf({ channel, body }: Pick<Send, 'channel' | 'body'>): Content {
  const html = htmlOf(body)
  const texts = TEXT_FIELDS[channel].flatMap((field) => textIn(body, field) ?? [])
  const fields =
    channel === 'email' ? Object.entries(HEADER_FIELDS) : [['to', 'To'] as const, ['from', 'From'] as const]
  const shown = new Set([...SHOWN_ELSEWHERE, ...TEXT_FIELDS[channel], ...fields.map(([field]) => field)])
  if (channel === 'email') for (const field of ['body', 'body_amp']) shown.add(field)
  return {
    headers: [
      ...fields.flatMap(([field, name]): [string, string][] => {
        const value = textIn(body, field)
        return value === undefined ? [] : [[name, value]]
      }),
      ...ownHeaders(body.headers),
    ].map(([name, value]) => [printable(name), printable(value)] as const),
    html: channel === 'email' && html !== undefined,
    text: texts.length === 0 ? undefined : texts.join('\n\n'),
    amp: channel === 'email' ? textIn(body, 'body_amp') : undefined,
    attachments: attachmentsOf(body).map(([name, content]) => ({
      name: printable(name),
      bytes: Buffer.byteLength(content, 'base64'),
    })),
    data: body.message_data,
    rest: Object.fromEntries(Object.entries(body).filter(([field]) => !shown.has(field))),
    isKnown: texts.length > 0 || (channel === 'email' && html !== undefined),
  }
}

/** The HTML of an e-mail that brings its own. */
export function htmlOf(body: Body): string | undefined {
  return textIn(body, 'body')
}

/** As many as one chooses among. */
const LINKS_SHOWN = 20

/** Where the links of an e-mail lead on the web, each once, in order: what its reader can click. */
export function linksIn(html: string): readonly string[] {
  const links = new Set<string>()
  for (const [, address = ''] of html.matchAll(/\bhref=["']?(https?:[^"'\s<>]{1,2000})/gi)) {
    links.add(address.replaceAll('&amp;', '&'))
    if (links.size === LINKS_SHOWN) break
  }
  return [...links]
}

/** File names with their contents in base64. */
export function attachmentsOf({ attachments }: Body): readonly (readonly [name: string, base64: string])[] {
  if (!isRecord(attachments)) return []
  return Object.entries(attachments).flatMap(([name, content]) =>
    typeof content === 'string' ? [[name, content]] : [],
  )
}

function textIn(body: Body, field: string): string | undefined {
  const value = body[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Customer.io documents JSON text, and shows an object. */
function ownHeaders(headers: unknown): [string, string][] {
  const given = typeof headers === 'string' ? parsed(headers) : headers
  if (!isRecord(given)) return []
  return Object.entries(given).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
}
