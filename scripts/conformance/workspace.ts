/** A workspace of Customer.io, real or local, by plain requests: what it answers is what is to be found out. */
export interface WorkspaceOptions {
  /** `https://track.customer.io`, without a path. */
  readonly trackHost: string
  readonly appHost: string
  readonly siteId: string
  readonly trackApiKey: string
  readonly appApiKey: string
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  /** Undefined when it is no JSON. */
  readonly body: unknown
}

const TIMEOUT_MS = 20_000

export class ConformanceWorkspace {
  readonly #options: WorkspaceOptions

  constructor(options: WorkspaceOptions) {
    this.#options = options
  }

  /** Of the Track API. @param body text, where its bytes count */
  track(path: string, body: unknown): Promise<Answered> {
    const { trackHost, siteId, trackApiKey } = this.#options
    const authorization = `Basic ${Buffer.from(`${siteId}:${trackApiKey}`).toString('base64')}`
    return this.#ask(`${trackHost}${path}`, { method: 'POST', authorization, body })
  }

  /** Of the App API. */
  app(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answered> {
    const { appHost, appApiKey } = this.#options
    return this.#ask(`${appHost}${path}`, { method, authorization: `Bearer ${appApiKey}`, body })
  }

  async #ask(
    url: string,
    {
      method,
      authorization,
      body,
    }: { readonly method: string; readonly authorization: string; readonly body: unknown },
  ): Promise<Answered> {
    const response = await fetch(url, {
      ...{ method, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) },
      headers: { authorization, 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
