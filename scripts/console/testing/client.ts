import type { Console } from '../console.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Opens the address that a command has printed, as a browser does. */
export async function openConsole(address: string) {
  const admitted = await fetch(address, { redirect: 'manual' })
  const [cookie = ''] = admitted.headers.get('set-cookie')?.split(';') ?? []
  const url = new URL(admitted.headers.get('location') ?? '', address).href
  const document = await (await fetch(url, { headers: { cookie } })).text()
  const facts = JSON.parse(/name="console" content="([^"]*)"/.exec(document)?.[1]?.replaceAll('&quot;', '"') ?? 'null')
  return { facts, ...consoleClient({ url, token: facts.token }, cookie) }
}

/** A browser's requests to a console, without a browser. */
export function consoleClient({ url, token }: Pick<Console, 'url' | 'token'>, cookie = '') {
  const ask = async (path: string, { headers, ...init }: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(new URL(path, url), { ...init, headers: { cookie, ...headers } })
    return { status: response.status, body: await response.json() }
  }
  return {
    get: (path: string) => ask(path),
    post: (path: string, body: unknown = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-console-token': token },
        body: JSON.stringify(body),
      }),
    /** Opens the stream of a page, until the returned function is called. */
    async listen(feed: string, take: (events: readonly unknown[]) => void): Promise<() => void> {
      const leave = new AbortController()
      const response = await fetch(new URL(`/api/live?feed=${feed}`, url), {
        signal: leave.signal,
        headers: { cookie },
      })
      void read(response, take).catch(() => {})
      return () => leave.abort()
    },
  }
}

async function read(response: Response, take: (events: readonly unknown[]) => void): Promise<void> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      if (part.startsWith('data: ')) take(JSON.parse(part.slice('data: '.length)).events ?? [])
    }
  }
}
