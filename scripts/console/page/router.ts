import { signal } from '@preact/signals'

/** Where the page is: `#/messages/123?filter=topic:track`. */
export interface Place {
  readonly page: string
  /** Segments after the page's name, decoded. */
  readonly rest: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

export const place = signal(placeOf(location.hash))

addEventListener('hashchange', () => {
  place.value = placeOf(location.hash)
})

function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [page = '', ...rest] = path.split('/').map(decoded)
  return { page, rest, params: Object.fromEntries(new URLSearchParams(query)) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The link to a page. Parameters that are empty are left out. */
export function href(path: readonly string[], params: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(params).flatMap(([name, value]) => (value ? [[name, value]] : []))
  const query = new URLSearchParams(given)
  return `#/${path.map(encodeURIComponent).join('/')}${query.size === 0 ? '' : `?${query}`}`
}

/** Goes there; `replace` leaves no entry in the history, as for each letter of a filter. */
export function go(to: string, { replace = false } = {}): void {
  if (!replace) {
    location.hash = to
    return
  }
  history.replaceState(null, '', to)
  place.value = placeOf(to)
}
