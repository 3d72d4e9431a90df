import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { SUBSCRIBABLE_EVENTS } from '../../emulators/customerio/reporting-webhooks.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { CommandError, usageError, wordsOf } from '../errors.ts'
import { count, table } from '../output.ts'
import { complaintAbout, sendWebhook, testEvent } from './send.ts'

export interface ChangeOptions {
  readonly url?: string
  readonly name?: string
  readonly event?: readonly string[]
  readonly withContent?: boolean
  readonly enable?: boolean
  readonly disable?: boolean
}

export interface TestOptions {
  readonly url?: string
  readonly file?: string
  readonly wrongKey?: boolean
}

const webhookSchema = z.looseObject({
  id: z.number(),
  name: z.string(),
  endpoint: z.string(),
  events: z.array(z.string()).default([]),
  disabled: z.boolean().default(false),
})
export type ReportingWebhook = z.infer<typeof webhookSchema>

/** Asks Customer.io and reads its answer. */
async function asked<T>(schema: z.ZodType<T>, request: () => Promise<unknown>): Promise<T> {
  let answer: unknown
  try {
    answer = await request()
  } catch (error) {
    if (error instanceof CommandError) throw error
    const { words, hint } = describeFailure(error)
    throw new CommandError(words, { hint })
  }
  const parsed = schema.safeParse(answer)
  if (!parsed.success) throw new CommandError('Customer.io sent an answer of unknown form')
  return parsed.data
}

export async function readWebhooks({ connection }: Context): Promise<readonly ReportingWebhook[]> {
  const client = await connection.customerIo().app()
  const schema = z.looseObject({ reporting_webhooks: z.array(webhookSchema) })
  return (await asked(schema, () => client.listReportingWebhooks())).reporting_webhooks
}

/** Events that a webhook leaves out. Pure. */
export function missingEvents({ events }: ReportingWebhook): readonly string[] {
  return SUBSCRIBABLE_EVENTS.filter((event) => !events.includes(event))
}

export async function list(context: Context): Promise<void> {
  const webhooks = await readWebhooks(context)
  context.output.result(webhooks, () => {
    if (webhooks.length === 0) return 'no reporting webhooks'
    const rows = webhooks.map((webhook) => {
      const { id, name, events, disabled, endpoint } = webhook
      const all = missingEvents(webhook).length === 0 ? 'all' : `${events.length} of ${SUBSCRIBABLE_EVENTS.length}`
      return [String(id), name, disabled ? 'disabled' : 'enabled', all, endpoint]
    })
    return table(['id', 'name', 'state', 'events', 'address'], rows)
  })
}

export async function create(context: Context, options: ChangeOptions): Promise<void> {
  const { output, connection } = context
  const endpoint = addressOf(options.url ?? connection.webhookUrl)
  const there = (await readWebhooks(context)).find((webhook) => webhook.endpoint === endpoint)
  if (there !== undefined) {
    output.result({ created: false, webhook: there }, () => `webhook ${there.id} already sends to ${endpoint}`)
    return
  }
  const client = await connection.customerIo().app()
  const events = eventsOf(options.event)
  const webhook = await asked(webhookSchema, () =>
    client.createReportingWebhook({
      name: options.name ?? 'customerio-gcp',
      endpoint,
      events,
      with_content: options.withContent ?? false,
      full_resolution: true,
    }),
  )
  output.result(
    { created: true, webhook },
    () => `webhook ${webhook.id} sends ${count(events.length, 'event')} to ${endpoint}`,
  )
  output.note('Store its signing key: npx cio-gcp secrets set CUSTOMERIO_WEBHOOK_SIGNING_KEYS')
}

export async function update(context: Context, id: number, options: ChangeOptions): Promise<void> {
  const { output, connection } = context
  if (options.enable && options.disable) throw usageError('--enable or --disable, not both')
  const there = (await readWebhooks(context)).find((webhook) => webhook.id === id)
  if (there === undefined) throw new CommandError(`there is no webhook ${id}`, { hint: '`webhooks list` shows them.' })
  const client = await connection.customerIo().app()
  const webhook = await asked(webhookSchema, () =>
    client.updateReportingWebhook(id, {
      ...(options.url !== undefined && { endpoint: addressOf(options.url) }),
      ...(options.name !== undefined && { name: options.name }),
      ...(options.withContent !== undefined && { with_content: options.withContent }),
      ...((options.enable || options.disable) && { disabled: options.disable ?? false }),
      events: eventsOf(options.event),
    }),
  )
  output.result({ webhook }, () => {
    const state = webhook.disabled ? 'is disabled' : 'is enabled'
    return `webhook ${id} ${state} and sends ${count(webhook.events.length, 'event')} to ${webhook.endpoint}`
  })
}

function eventsOf(names: readonly string[] | undefined): string[] {
  if (names === undefined) return [...SUBSCRIBABLE_EVENTS]
  const unknown = names.find((name) => !SUBSCRIBABLE_EVENTS.includes(name))
  if (unknown !== undefined)
    throw usageError(`there is no event ${unknown}`, `Use one of: ${SUBSCRIBABLE_EVENTS.join(', ')}`)
  return [...names]
}

function addressOf(url: string | undefined): string {
  if (url === undefined) throw usageError('--url is missing', 'The address: terraform output webhook_url')
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw usageError(`--url ${url}: must be an http or https address`)
  return url
}

/** Our own signature says nothing of Customer.io's. */
const PROVES =
  'This proves that the function takes what is signed with our first key. Whether Customer.io signs with that key, only its own webhooks show: `doctor` looks at them.'

export async function test(context: Context, options: TestOptions): Promise<void> {
  const { output, connection, now } = context
  const url = addressOf(options.url ?? connection.webhookUrl)
  const [current = ''] = await connection.customerIo().signingKeys()
  const { eventId, body } = options.file === undefined ? testEvent(now()) : bodyOf(options.file)
  const key = options.wrongKey ? randomBytes(32).toString('hex') : current
  const answer = await sendWebhook(url, key, body, now())
  const expected = options.wrongKey ? answer.status === 401 : complaintAbout(answer, connection) === undefined
  output.result({ url, eventId, ...answer, ok: expected }, () => {
    const status = answer.status === undefined ? 'no answer' : `answer ${answer.status}`
    return `${eventId ?? 'your file'}: ${status} after ${answer.latencyMs} ms${answer.body === '' ? '' : `: ${answer.body}`}`
  })
  if (expected) {
    if (!options.wrongKey) output.note(PROVES)
    return
  }
  if (options.wrongKey) throw new CommandError('a wrong signature must be answered 401')
  const complaint = complaintAbout(answer, connection)
  throw new CommandError(
    complaint?.what ?? 'unexpected answer',
    complaint === undefined ? {} : { hint: complaint.hint },
  )
}

function bodyOf(file: string): { readonly eventId: undefined; readonly body: Buffer } {
  try {
    return { eventId: undefined, body: readFileSync(file) }
  } catch (error) {
    throw usageError(`--file: ${wordsOf(error)}`)
  }
}
