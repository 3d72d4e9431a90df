import * as z from 'zod'

/** One name, as a row of the table `names`. */
export interface NameRow {
  readonly kind: 'campaign' | 'broadcast' | 'newsletter' | 'transactional' | 'action' | 'topic'
  readonly id: string
  readonly name: string
  /** Of an action: `campaign/21`. */
  readonly parent?: string
  /** The path that told it, such as `/campaigns/21/actions`. */
  readonly source: string
  /** RFC 3339. */
  readonly fetched_at: string
}

/** Where names are kept. */
export interface NameStore {
  /** The paths whose names were fetched at that time (milliseconds since 1970) or later. */
  freshSources(sinceMs: number): Promise<ReadonlySet<string>>
  store(rows: readonly NameRow[]): Promise<void>
}

export interface RefreshOptions {
  /** Asks the App API for a path below `/v1` and gives the answer's JSON. Throws when there is none. */
  readonly get: (path: string) => Promise<unknown>
  /** Waits until one more request is within the share of the account's rate. Throws to stop. */
  readonly turn: () => Promise<void>
  readonly names: NameStore
  readonly nowMs: () => number
}

export interface Refreshed {
  readonly names: number
  /** Paths that an earlier run had fetched within the last hours. */
  readonly skipped: number
}

/** A daily refresh asks everything again; one that was stopped goes on where it was. */
const FRESH_MS = 20 * 3_600_000
/** A page that leads to ever new pages is no list of names. */
const MAX_PAGES = 1_000

const identifier = z.union([z.number().int(), z.string().min(1)]).transform(String)
const item = z.object({ id: identifier.optional(), identifier: identifier.optional(), name: z.string().min(1) })

const LISTS = [
  { path: '/campaigns', list: 'campaigns', kind: 'campaign' },
  { path: '/broadcasts', list: 'broadcasts', kind: 'broadcast' },
  { path: '/newsletters', list: 'newsletters', kind: 'newsletter' },
  { path: '/transactional', list: 'messages', kind: 'transactional' },
  { path: '/subscription_topics', list: 'topics', kind: 'topic' },
] as const

/**
 * Fetches the names of campaigns, broadcasts and their actions, newsletters, transactional messages and topics, and stores
 * them path by path. Run again after it was stopped, it leaves out the paths that it had finished. An entry without an id
 * or a name is left out. Throws what `get`, `turn` and the store throw, and an Error that names the path when an answer has
 * another form.
 * https://docs.customer.io/integrations/api/app/
 */
export async function refreshNames(options: RefreshOptions): Promise<Refreshed> {
  const fresh = await options.names.freshSources(options.nowMs() - FRESH_MS)
  let names = 0
  let skipped = 0
  const refresh = async (path: string, list: string, kind: NameRow['kind'], parent?: string): Promise<void> => {
    if (fresh.has(path)) {
      skipped += 1
      return
    }
    const rows = await fetchNames(options, { path, list, kind, parent })
    await options.names.store(rows)
    names += rows.length
  }
  for (const { path, list, kind } of LISTS) {
    if (kind !== 'campaign' && kind !== 'broadcast') {
      await refresh(path, list, kind)
      continue
    }
    // Always asked for, since its entries say whose actions there are.
    const rows = await fetchNames(options, { path, list, kind })
    if (!fresh.has(path)) {
      await options.names.store(rows)
      names += rows.length
    }
    for (const { id } of rows)
      await refresh(`${path}/${encodeURIComponent(id)}/actions`, 'actions', 'action', `${kind}/${id}`)
  }
  return { names, skipped }
}

interface Wanted {
  readonly path: string
  readonly list: string
  readonly kind: NameRow['kind']
  readonly parent?: string | undefined
}

async function fetchNames(options: RefreshOptions, { path, list, kind, parent }: Wanted): Promise<NameRow[]> {
  const pageSchema = z.object({ [list]: z.array(z.unknown()).nullable(), next: z.string().nullish() })
  const rows: NameRow[] = []
  const fetched_at = new Date(options.nowMs()).toISOString()
  let next = ''
  for (let page = 0; page < MAX_PAGES; page++) {
    await options.turn()
    const answer = await options.get(next === '' ? path : `${path}?start=${encodeURIComponent(next)}`)
    const parsed = pageSchema.safeParse(answer)
    if (!parsed.success) throw new Error(`Customer.io's answer to ${path} is no list of ${list}`)
    const entries = parsed.data[list]
    for (const entry of Array.isArray(entries) ? entries : []) {
      const named = item.safeParse(entry)
      // Webhooks call a topic by its identifier, topic_7.
      const id = kind === 'topic' ? named.data?.identifier : named.data?.id
      if (named.data === undefined || id === undefined) continue
      rows.push({ kind, id, name: named.data.name, ...(parent !== undefined && { parent }), source: path, fetched_at })
    }
    const following = typeof parsed.data.next === 'string' ? parsed.data.next : ''
    if (following === '' || following === next) return rows
    next = following
  }
  throw new Error(`Customer.io's list ${path} has no end`)
}
