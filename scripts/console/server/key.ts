import type { IncomingHttpHeaders } from 'node:http'
import { isSame } from './guard.ts'

/** Where the address that a person opens has the key. */
const PARAMETER = 'key'

/** The address that lets a browser in, once: from then on it has a cookie, and its address line no key. */
export function addressWith(key: string | undefined, port: number): string {
  return `http://127.0.0.1:${port}/${key === undefined ? '' : `?${PARAMETER}=${key}`}`
}

/** What the key, or the cookie that it was changed for, says of a request. */
export type Admission =
  | { readonly kind: 'known' }
  /** It has brought the key: it is given a cookie, and sent to the address without it. */
  | { readonly kind: 'admitted'; readonly headers: { readonly 'set-cookie': string; readonly location: string } }
  | { readonly kind: 'stranger' }

/**
 * Whether a request comes from a browser that was given the key. Loopback belongs to every user of the machine, and what the
 * console reads, it reads with the credentials of one of them.
 *
 * The cookie is strict, so that a page of another site cannot use it, and out of reach of scripts. Browsers send it to every
 * port of the host: its name has the port, so that two consoles do not overwrite each other's.
 */
export function admissionOf(url: URL, headers: IncomingHttpHeaders, port: number, key: string): Admission {
  const name = `cio-gcp-console-${port}`
  if (url.pathname === '/' && isSame(url.searchParams.get(PARAMETER), key)) {
    return {
      kind: 'admitted',
      headers: { 'set-cookie': `${name}=${key}; Path=/; HttpOnly; SameSite=Strict`, location: '/' },
    }
  }
  const cookies = (headers.cookie ?? '').split(';').map((cookie) => cookie.trim())
  const given = cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1)
  return { kind: isSame(given, key) ? 'known' : 'stranger' }
}
