import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DeadLetter } from '../../scripts/cio/dead-letters/dead-letter.ts'
import { describeEvidence, evidenceOf } from '../../scripts/cio/dead-letters/evidence.ts'
import type { CustomerIoServer } from '../../scripts/emulators/customerio/index.ts'
import { startTestCustomerIo } from '../../scripts/testing/customerio.ts'
import { createTestService } from '../../scripts/testing/customerio-service.ts'
import { steadyClock } from '../../shared/clock/index.ts'
import { transactionalMessage } from '../../shared/contract/index.ts'
import { messageKey } from '../../shared/idempotency/index.ts'
import type { HashRing } from '../../shared/identity/index.ts'
import { sendOnce } from '../../shared/ledger/index.ts'
import { createMemoryLedger } from '../../shared/ledger/testing/memory-ledger.ts'
import type { Outcome } from '../../shared/outcome/index.ts'
import { messageToSend } from './message.ts'

/**
 * The uncertain-send matrix: each form of `to`, identifier, template and policy, against the local Customer.io, after an
 * answer that left open whether the message was sent. The table beside it is written with `UPDATE_TABLE=1`.
 */

const TABLE = join(import.meta.dirname, '../../shared/ledger/uncertain-sends.md')
const LIST_DELAY_MS = 60_000
const RING: HashRing = [{ id: 'key', secret: 'secret' }]
const START_MS = 1_793_610_000_000

interface Form {
  readonly name: string
  readonly channel: 'email' | 'whatsapp'
  readonly to: string | undefined
  readonly redirected?: boolean
}

const FORMS: readonly Form[] = [
  { name: 'absent (WhatsApp)', channel: 'whatsapp', to: undefined },
  { name: 'plain', channel: 'email', to: 'ada@example.com' },
  { name: 'display name', channel: 'email', to: '"Lovelace, Ada" <Ada@Example.com>' },
  { name: 'several', channel: 'email', to: 'bob@example.com, ada@example.com' },
  { name: '`mailto:`', channel: 'email', to: 'mailto:ada@example.com' },
  { name: 'internationalised', channel: 'email', to: 'ada@bücher.example' },
  { name: 'Liquid', channel: 'email', to: '{{customer.email}}' },
  { name: 'redirected', channel: 'email', to: 'ada@example.com', redirected: true },
]
const IDENTIFIERS = ['id', 'email', 'cio_id'] as const
const TEMPLATES = ['number', 'trigger name', 'none'] as const
const POLICIES = ['dead_letter', 'resend'] as const

interface Case {
  readonly form: Form
  readonly identifier: (typeof IDENTIFIERS)[number]
  readonly template: (typeof TEMPLATES)[number]
  readonly policy: (typeof POLICIES)[number]
  /** Whether Customer.io sent it before the answer was lost. */
  readonly wasSent: boolean
}

interface Result {
  readonly sends: number
  readonly outcome: string
  /** What the command `dlq settle` shows of Customer.io's list. */
  readonly shown: string
}

let nowMs = START_MS
let server: CustomerIoServer
beforeAll(async () => {
  server = await startTestCustomerIo({
    deliveryDelayMs: LIST_DELAY_MS - 1_000,
    appRequestsPerSecond: 1_000_000,
    now: () => nowMs,
  })
})
afterAll(() => server.close())

function allCases(): Case[] {
  return FORMS.flatMap((form) =>
    IDENTIFIERS.flatMap((identifier) =>
      TEMPLATES.filter((template) => template !== 'none' || form.channel === 'email').flatMap((template) =>
        POLICIES.flatMap((policy) => [true, false].map((wasSent) => ({ form, identifier, template, policy, wasSent }))),
      ),
    ),
  )
}

let keys = 0

/** Sends once with an answer that is lost, and lets Pub/Sub deliver again until there is an outcome. */
async function run({ form, identifier, template, policy, wasSent }: Case): Promise<Result> {
  const { workspace } = server
  // One of its own, since failures in a row would let it pause.
  const { service } = createTestService({ trackUrl: server.trackUrl, appUrl: server.appUrl })
  workspace.clear()
  workspace.testAddress = form.redirected ? 'tests@example.com' : undefined
  workspace.people.identify({ kind: 'id', value: 'u1' }, { email: 'ada@example.com' }, nowMs / 1_000)
  const person = workspace.people.find({ kind: 'id', value: 'u1' })
  const value = { id: 'u1', email: 'ada@example.com', cio_id: person?.cioId }[identifier]
  const body = {
    channel: form.channel,
    identifiers: { [identifier]: value },
    ...(form.to !== undefined && { to: form.to }),
    ...(template === 'number' && { transactional_message_id: 7 }),
    ...(template === 'trigger name' && { transactional_message_id: 'receipt' }),
    ...(template === 'none' && { body: 'b', subject: 's', from: 'f@example.com' }),
  }
  const message = transactionalMessage.parse(body)
  const deadLetterKey = `key-${++keys}`
  const keyed = messageKey({ idempotencyKey: deadLetterKey, sourceMessageId: undefined, messageId: '1' })
  if (!keyed.ok) throw new Error(keyed.error)
  const { key } = keyed
  const ledger = createMemoryLedger({ now: () => nowMs })
  const toSend = messageToSend(service, RING, message, {
    key,
    data: Buffer.from(JSON.stringify(message)),
    publishedAtMs: nowMs,
    isGivenUp: () => false,
  })
  const deliver = (): Promise<Outcome> =>
    sendOnce(
      {
        ledger,
        clock: { ...steadyClock, now: () => nowMs },
        newToken: () => crypto.randomUUID(),
        requestTimeoutMs: 8_000,
        ttlMs: 86_400_000,
        listDelayMs: LIST_DELAY_MS,
        onNotFound: policy,
      },
      toSend,
    )
  server.orders.add({ on: 'send', count: 1, fault: { do: 'reset', processed: wasSent } })
  let outcome = await deliver()
  for (let again = 0; outcome.kind === 'retry' && again < 5; again++) {
    nowMs += LIST_DELAY_MS / 2
    outcome = await deliver()
  }
  const deadLetter: DeadLetter = {
    source: {
      name: 'transactional',
      topic: 'transactional',
      deployedTopic: 'transactional',
      deadLetterSubscription: '',
      ackDeadlineMs: 0,
    },
    ackId: '1',
    orderingKey: '',
    id: '1',
    messageId: '1',
    data: Buffer.from(JSON.stringify(body)),
    attributes: {
      idempotency_key: deadLetterKey,
      source_publish_time: new Date(nowMs - 2 * LIST_DELAY_MS).toISOString(),
      reason: outcome.kind === 'refused' ? outcome.reason : '',
      error: outcome.kind === 'refused' ? outcome.error : '',
    },
    deadLetteredAtMs: nowMs,
  }
  const sources = { ledger, customerIo: async () => service, now: () => nowMs }
  const evidence = outcome.kind === 'refused' ? describeEvidence(await evidenceOf(sources, deadLetter)) : ''
  const sends = workspace.sends.length
  nowMs += 1_000_000
  return {
    sends,
    outcome: outcome.kind === 'refused' ? outcome.reason : outcome.kind,
    shown: evidence
      .split('\n')
      .slice(3)
      .map((line) => line.trim())
      .join('; ')
      .replace(/ between \S+ and \S+:/, ':')
      .replace(/[\w-]{28} of \S+/g, 'the delivery'),
  }
}

it('never sends twice, never says sent of what was not, nor that nothing was of what was', async () => {
  const rows: { readonly each: Case; readonly result: Result }[] = []
  for (const each of allCases()) rows.push({ each, result: await run(each) })
  for (const { each, result } of rows) {
    const about = { ...each, form: each.form.name, ...result }
    expect({ ...about, twice: result.sends > 1 }).toEqual({ ...about, twice: false })
    if (result.outcome === 'delivered') expect({ ...about, sends: 1 }).toEqual(about)
    if (each.wasSent && result.outcome === 'uncertain') {
      expect({ ...about, shown: expect.stringContaining('the delivery') }).toEqual(about)
    }
    if (!each.wasSent && result.outcome === 'uncertain') {
      expect({ ...about, shown: expect.stringContaining('lists: nothing') }).toEqual(about)
    }
  }
  const table = tableOf(rows)
  if (process.env.UPDATE_TABLE !== undefined || !existsSync(TABLE)) writeFileSync(TABLE, table)
  expect(readFileSync(TABLE, 'utf8')).toBe(table)
}, 60_000)

/** Cases with the same result share a line. */
function tableOf(rows: readonly { readonly each: Case; readonly result: Result }[]): string {
  const lines = new Map<string, { readonly forms: Set<string>; readonly identifiers: Set<string> }>()
  for (const { each, result } of rows) {
    const shown = result.shown.replace(/person \(by \w+\)/, 'person') || '–'
    const cells = [each.template, each.wasSent ? 'yes' : 'no', each.policy, result.sends, result.outcome, shown]
    const line = cells.join(' | ')
    const { forms, identifiers } = lines.get(line) ?? { forms: new Set(), identifiers: new Set() }
    lines.set(line, { forms: forms.add(each.form.name), identifiers: identifiers.add(each.identifier) })
  }
  const uncertain = rows.filter(({ result }) => result.outcome === 'uncertain').length
  const tableLines = [...lines].map(
    ([line, { forms, identifiers }]) => `| ${[...forms].join(', ')} | ${[...identifiers].join(', ')} | ${line} |`,
  )
  return `# The uncertain-send matrix

\`UPDATE_TABLE=1 npm test -- functions/transactional/uncertain-sends\` writes this file. Without the variable the same test
checks that it is current.

In each case the answer to a send is lost, after Customer.io sent the message or before. Then Pub/Sub delivers the message
again until there is an outcome. There are ${rows.length} cases: each form of \`to\`, identifier, template and policy, sent or not.
${uncertain} of them wait for a person. The last column is what \`cio-gcp dlq settle\` shows of Customer.io's list.

| \`to\` | identifier | template | was sent | policy | sends | outcome | the operator is shown |
|---|---|---|---|---|---|---|---|
${tableLines.join('\n')}
`
}
