import type { z } from 'zod'

/** What one page needs: its data, its actions, and what it is told of as it happens. */
export interface Area {
  /** As the page's tab knows it: `messages`. A page is shown when its area is served. */
  readonly name: string
  readonly routes: readonly Route[]
  /** By name, unique among all areas. */
  readonly feeds?: Readonly<Record<string, Feed>>
  /** Gives back what it holds, when the console ends. */
  close?(): Promise<void>
}

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Below `/api/`; `:name` stands for one segment: `/api/messages/:id`. */
  readonly path: `/api/${string}`
  /** Gives what is sent as JSON, or a {@link SandboxedDocument}. Throws a {@link ConsoleError} for what the person can mend. */
  run(request: ConsoleRequest): unknown
}

export interface ConsoleRequest {
  /** The segments that the path names, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Of a POST: parsed JSON of any shape, to be read with {@link read}. */
  readonly body: unknown
  /** Aborted when the browser no longer waits. */
  readonly signal: AbortSignal
}

/** Begins to tell a page what happens; gives what ends it. Events are JSON. */
export type Feed = (send: (event: unknown) => void) => () => void

/** A refusal that the page shows beside the field it is about. Its text is for a person and holds no secret. */
export class ConsoleError extends Error {
  readonly status: number
  readonly field: string | undefined

  constructor(message: string, { status = 400, field }: { status?: number; field?: string | undefined } = {}) {
    super(message)
    this.name = 'ConsoleError'
    this.status = status
    this.field = field
  }
}

/** HTML that somebody else wrote, to be shown in `<iframe sandbox src>`: it runs no script wherever it is opened. */
export class SandboxedDocument {
  readonly html: string
  /** False: it loads nothing from anywhere. */
  readonly remoteImages: boolean

  constructor(html: string, { remoteImages }: { remoteImages: boolean }) {
    this.html = html
    this.remoteImages = remoteImages
  }
}

/** A request's body or query as the schema reads it. Throws a {@link ConsoleError} that names the first field at fault. */
export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value instanceof URLSearchParams ? Object.fromEntries(value) : value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue?.path.join('.')
  throw new ConsoleError(issue?.message ?? 'not as expected', { field: field === '' ? undefined : field })
}
