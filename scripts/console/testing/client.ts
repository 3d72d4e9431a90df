import type { Console } from '../console.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** A browser's requests to a console, without a browser. */
export function consoleClient({ url, token }: Pick<Console, 'url' | 'token'>) {
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(new URL(path, url), init)
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
      const response = await fetch(new URL(`/api/live?feed=${feed}`, url), { signal: leave.signal })
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
