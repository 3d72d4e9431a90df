import * as z from 'zod'

/** One row of the table `names`: a name, or how far a list of names was read. */
export interface NameRow {
  readonly kind: 'campaign' | 'broadcast' | 'newsletter' | 'transactional' | 'action' | 'topic' | 'list'
  /** Of a list, its path. */
  readonly id: string
  /** Of a list, where to go on reading it; empty at its end. */
  readonly name: string
  /** Of an action: `campaign/21`. */
  readonly parent?: string
  /** The path that told it, such as `/campaigns/21/actions`. */
  readonly source: string
  /** RFC 3339. */
  readonly fetched_at: string
}

/** How far a list was read, and when (milliseconds since 1970). */
export interface ListRead {
  /** Where to go on; empty when it was read to its end. */
  readonly next: string
  readonly atMs: number
}

/** Where names are kept. */
export interface NameStore {
  /** What is known of each list that was ever read, by its path. */
  listsRead(): Promise<ReadonlyMap<string, ListRead>>
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
  /** Lists that an earlier run had read to their end within the last hours. */
  readonly skipped: number
}

/** A daily refresh asks everything again; one that was stopped goes on where it was. */
const FRESH_MS = 20 * 3_600_000
/** A page that leads to ever new pages is no list of names. */
const MAX_PAGES = 1_000

const identifier = z.union([z.number().int(), z.string().min(1)]).transform(String)
const item = z.object({ id: identifier.optional(), identifier: identifier.optional(), name: z.string().min(1) })

interface List {
  readonly path: string
  /** The field of the answer that holds it. */
  readonly list: string
  readonly kind: NameRow['kind']
  readonly parent?: string
}

const LISTS: readonly List[] = [
  { path: '/newsletters', list: 'newsletters', kind: 'newsletter' },
  { path: '/transactional', list: 'messages', kind: 'transactional' },
  { path: '/subscription_topics', list: 'topics', kind: 'topic' },
]
/** Lists of what has actions. */
const PARENTS: readonly List[] = [
  { path: '/campaigns', list: 'campaigns', kind: 'campaign' },
  { path: '/broadcasts', list: 'broadcasts', kind: 'broadcast' },
]

/** Paths of the lists that are read each time. There is another one for the actions of each campaign and broadcast. */
export const NAME_LISTS: readonly string[] = [...LISTS, ...PARENTS].map(({ path }) => path)

/**
 * Fetches the names of newsletters, transactional messages and topics, then of campaigns and broadcasts, then of their
 * actions, beginning with those whose last read is longest ago, and stores them page by page. Run again after it was
 * stopped, it goes on with the page that came next, and leaves out the lists that it had finished. An entry without an id or
 * a name is left out. Throws what `get`, `turn` and the store throw, and an Error that names the path when an answer has
 * another form.
 * https://docs.customer.io/integrations/api/app/
 */
export async function refreshNames(options: RefreshOptions): Promise<Refreshed> {
  const read = await options.names.listsRead()
  const sinceMs = options.nowMs() - FRESH_MS
  const nextOf = (path: string): string | undefined => {
    const last = read.get(path)
    return last !== undefined && last.atMs >= sinceMs ? last.next : undefined
  }
  let names = 0
  let skipped = 0
  const store = async ({ rows, progress }: Page): Promise<void> => {
    await options.names.store([...rows, progress])
    names += rows.length
  }
  const refresh = async (list: List): Promise<void> => {
    const next = nextOf(list.path)
    if (next === '') skipped += 1
    else for await (const page of pagesOf(list, next ?? '', options)) await store(page)
  }

  for (const list of LISTS) await refresh(list)
  const actions: List[] = []
  for (const list of PARENTS) {
    const isFresh = nextOf(list.path) === ''
    // Always read from its start, since its entries say whose actions there are.
    for await (const page of pagesOf(list, '', options)) {
      if (!isFresh) await store(page)
      for (const { kind, id } of page.rows) {
        const path = `${list.path}/${encodeURIComponent(id)}/actions`
        actions.push({ path, list: 'actions', kind: 'action', parent: `${kind}/${id}` })
      }
    }
  }
  const readAtMs = ({ path }: List) => read.get(path)?.atMs ?? 0
  for (const list of actions.toSorted((one, other) => readAtMs(one) - readAtMs(other))) await refresh(list)
  return { names, skipped }
}

interface Page {
  readonly rows: readonly NameRow[]
  /** The row that says how far the list is read with this page. */
  readonly progress: NameRow
}

async function* pagesOf(list: List, start: string, options: RefreshOptions): AsyncGenerator<Page> {
  const { path, kind, parent } = list
  const pageSchema = z.object({ [list.list]: z.array(z.unknown()).nullable(), next: z.string().nullish() })
  let next = start
  for (let page = 0; page < MAX_PAGES; page++) {
    await options.turn()
    const answer = await options.get(next === '' ? path : `${path}?start=${encodeURIComponent(next)}`)
    const parsed = pageSchema.safeParse(answer)
    if (!parsed.success) throw new Error(`Customer.io's answer to ${path} is no list of ${list.list}`)
    const at = { source: path, fetched_at: new Date(options.nowMs()).toISOString() }
    const entries = parsed.data[list.list]
    const rows: NameRow[] = []
    for (const entry of Array.isArray(entries) ? entries : []) {
      const named = item.safeParse(entry)
      // Webhooks call a topic by its identifier, topic_7.
      const id = kind === 'topic' ? named.data?.identifier : named.data?.id
      if (named.data === undefined || id === undefined) continue
      rows.push({ kind, id, name: named.data.name, ...(parent !== undefined && { parent }), ...at })
    }
    const told = typeof parsed.data.next === 'string' ? parsed.data.next : ''
    const following = told === next ? '' : told
    yield { rows, progress: { kind: 'list', id: path, name: following, ...at } }
    if (following === '') return
    next = following
  }
  throw new Error(`Customer.io's list ${path} has no end`)
}
