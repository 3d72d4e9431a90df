import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import { askGoogle } from '../google-api.ts'
import { count, duration } from '../output.ts'

/** One answer of the webhook function to a POST. */
export interface WebhookAnswer {
  readonly atMs: number
  readonly status: number
  readonly remoteAddress: string
}

/** Answers of the last day, and whether there are more of them than were read. */
interface Answers {
  readonly answers: readonly WebhookAnswer[]
  readonly cut: boolean
}

const AREA = 'real webhooks'
const DAY_MS = 24 * 3_600_000
const PAGE = 1_000
/** Accepted ones are many: the newest are enough. */
const MOST_PAGES = 5

/**
 * What our own test event cannot show: that Customer.io signs with a key that the function knows. Only its own webhooks
 * show that, and they are told from a stranger's by the address that they come from.
 */
export async function examineRealWebhooks(context: Context): Promise<readonly Finding[]> {
  try {
    const addresses = await addressesOfCustomerIo(context)
    const sinceMs = context.now() - DAY_MS
    const { answers, cut } = context.connection.local
      ? await readLocal(context, sinceMs)
      : await readCloud(context, sinceMs)
    return assess(answers, { isCustomerIo: addresses, nowMs: context.now(), cut })
  } catch (error) {
    const fix = 'You need roles/logging.viewer, and the App API key must be valid.'
    return [{ area: AREA, state: 'skipped', note: `cannot be looked at: ${wordsOf(error)}`, fix }]
  }
}

/** What the answers of a day say about Customer.io's webhooks. Pure. */
export function assess(
  answers: readonly WebhookAnswer[],
  {
    isCustomerIo,
    nowMs,
    cut = false,
  }: { readonly isCustomerIo: (address: string) => boolean; readonly nowMs: number; readonly cut?: boolean },
): readonly Finding[] {
  const theirs = answers.filter(({ remoteAddress }) => isCustomerIo(remoteAddress))
  const strangers = answers.length - theirs.length
  const accepted = theirs.filter(({ status }) => status >= 200 && status < 300)
  const failed = theirs.filter(({ status }) => status >= 300)
  const unsigned = failed.filter(({ status }) => status === 401)
  const ago = (of: readonly WebhookAnswer[]) => duration(nowMs - Math.max(...of.map(({ atMs }) => atMs)))
  const findings: Finding[] = []

  if (accepted.length > 0) {
    const number = `${cut ? 'at least ' : ''}${count(accepted.length, 'webhook')}`
    findings.push(ok(AREA, `${number} of Customer.io accepted in the last day, the last ${ago(accepted)} ago`))
  } else {
    const note = 'none of Customer.io accepted in the last day: nothing shows that it signs with a key that we have'
    const fix = 'Send yourself a message and run doctor again. A campaign that is on should have caused webhooks.'
    findings.push({ area: AREA, state: 'warning', note, fix })
  }
  if (unsigned.length > 0) {
    const since = Math.max(0, ...unsigned.map(({ atMs }) => atMs))
    const over = accepted.some(({ atMs }) => atMs > since)
    const note = `Customer.io was answered 401 ${count(unsigned.length, 'time')}, last ${ago(unsigned)} ago`
    findings.push(
      over
        ? { area: AREA, state: 'warning', note: `${note}; it was accepted again after that` }
        : wrong(
            AREA,
            `${note}: it signs with a key that we do not have, or its webhooks are delayed too long`,
            'Copy the key from the page of the webhook at Customer.io: npx cio-gcp secrets rotate CUSTOMERIO_WEBHOOK_SIGNING_KEYS',
          ),
    )
  }
  const others = Map.groupBy(
    failed.filter(({ status }) => status !== 401),
    ({ status }) => status,
  )
  for (const [status, all] of others) {
    const note = `Customer.io was answered ${status} ${count(all.length, 'time')}, last ${ago(all)} ago`
    findings.push({ area: AREA, state: 'warning', note, fix: 'terraform/runbooks/webhook.md' })
  }
  if (strangers > 0) findings.push(ok(AREA, `${count(strangers, 'request')} from other addresses: not Customer.io's`))
  return findings
}

const addressesSchema = z.looseObject({ ip_addresses: z.array(z.string()) })

/** GET /v1/info/ip_addresses: where Customer.io sends from. */
async function addressesOfCustomerIo({ connection }: Context): Promise<(address: string) => boolean> {
  const client = await connection.customerIo().app()
  const { ip_addresses: addresses } = addressesSchema.parse(await client.getIpAddresses())
  const list = new BlockList()
  for (const address of addresses) {
    const [start = '', bits] = address.split('/')
    const family = isIP(start) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(start) === 0) continue
    if (bits === undefined) list.addAddress(start, family)
    else list.addSubnet(start, Number(bits), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

const entriesSchema = z.looseObject({
  entries: z
    .array(
      z.looseObject({
        timestamp: z.string(),
        httpRequest: z.looseObject({ status: z.number(), remoteIp: z.string().optional() }),
      }),
    )
    .default([]),
  nextPageToken: z.string().optional(),
})

/** From the request log of Cloud Run, which Google writes: what failed first, then what was accepted, newest first. */
async function readCloud({ connection }: Context, sinceMs: number): Promise<Answers> {
  const projectId = await connection.projectId()
  const failed = await read('httpRequest.status>=300')
  const accepted = await read('httpRequest.status<300')
  return { answers: [...failed.answers, ...accepted.answers], cut: failed.cut || accepted.cut }

  async function read(condition: string): Promise<Answers> {
    const filter = [
      'resource.type="cloud_run_revision"',
      'resource.labels.service_name="webhook"',
      `logName="projects/${projectId}/logs/run.googleapis.com%2Frequests"`,
      `timestamp>="${new Date(sinceMs).toISOString()}"`,
      'httpRequest.requestMethod="POST"',
      condition,
    ].join(' AND ')
    const answers: WebhookAnswer[] = []
    let pageToken: string | undefined
    for (let page = 0; page < MOST_PAGES; page++) {
      const question = { resourceNames: [`projects/${projectId}`], filter, orderBy: 'timestamp desc', pageSize: PAGE }
      const answer = entriesSchema.parse(
        await askGoogle(connection, 'logging', '/v2/entries:list', { ...question, ...(pageToken && { pageToken }) }),
      )
      for (const { timestamp, httpRequest } of answer.entries) {
        answers.push({
          atMs: Date.parse(timestamp),
          status: httpRequest.status,
          remoteAddress: httpRequest.remoteIp ?? '',
        })
      }
      pageToken = answer.nextPageToken || undefined
      if (pageToken === undefined) return { answers, cut: false }
    }
    return { answers, cut: true }
  }
}

const stateSchema = z.looseObject({ answers: z.array(z.looseObject({ atMs: z.number(), status: z.number() })) })

/** The local Customer.io remembers what it was answered. */
async function readLocal({ connection }: Context, sinceMs: number): Promise<Answers> {
  const response = await fetch(`${connection.localCustomerIo}/_local/webhooks`)
  const { answers } = stateSchema.parse(await response.json())
  const ofTheDay = answers.filter(({ atMs }) => atMs >= sinceMs)
  return { answers: ofTheDay.map(({ atMs, status }) => ({ atMs, status, remoteAddress: '127.0.0.1' })), cut: false }
}
