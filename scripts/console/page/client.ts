import { signal } from '@preact/signals'
import { facts } from './facts.ts'

/** A refusal of the console, with the field it is about. */
export class Refused extends Error {
  readonly field: string | undefined
  readonly status: number

  constructor(message: string, status: number, field?: string) {
    super(message)
    this.status = status
    this.field = field
  }
}

/** Whether the console's process answers. */
export const connected = signal(true)

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** Asks an area. Throws {@link Refused}. */
export async function get<T>(path: string, query: Query = {}): Promise<T> {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  const search = new URLSearchParams(given)
  return await ask<T>(search.size === 0 ? path : `${path}?${search}`, {})
}

/** Has an area do something. Throws {@link Refused}. */
export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return await ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-console-token': facts.token },
    body: JSON.stringify(body),
  })
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch {
    connected.value = false
    throw new Refused('the console does not answer: is its terminal still open?', 0)
  }
  connected.value = true
  const body = await response.json()
  if (response.ok) return body
  throw new Refused(body?.error?.message ?? `status ${response.status}`, response.status, body?.error?.field)
}

export interface Listener<E> {
  events(events: readonly E[]): void
  /** Some events were missed: ask for the state again. Called too when the connection is back. */
  lost(): void
}

const listeners = new Map<string, Set<Listener<never>>>()
let source: EventSource | undefined
let reopening: number | undefined

/** Listens to a feed of an area until the returned function is called. All feeds share one connection. */
export function live<E>(feed: string, listener: Listener<E>): () => void {
  const own = listeners.get(feed) ?? new Set()
  const isNew = own.size === 0
  own.add(listener)
  listeners.set(feed, own)
  if (isNew) reopen()
  return () => {
    own.delete(listener)
    if (own.size > 0) return
    listeners.delete(feed)
    reopen()
  }
}

/** Once per turn, however many listeners come and go with a page. */
function reopen(): void {
  if (reopening !== undefined) return
  reopening = setTimeout(() => {
    reopening = undefined
    source?.close()
    source = undefined
    if (listeners.size > 0 && !document.hidden) open()
  }) as unknown as number
}

function open(): void {
  const feeds = new URLSearchParams([...listeners.keys()].map((feed) => ['feed', feed]))
  const opened = new EventSource(`/api/live?${feeds}`)
  source = opened
  let wasLost = false
  opened.onopen = () => {
    connected.value = true
    if (wasLost) tellLost()
    wasLost = false
  }
  opened.onerror = () => {
    connected.value = false
    wasLost = true
  }
  opened.onmessage = ({ data }) => {
    const { feed, events } = JSON.parse(data)
    for (const listener of listeners.get(feed) ?? []) {
      if (events === undefined) listener.lost()
      else listener.events(events as never[])
    }
  }
}

function tellLost(): void {
  for (const each of listeners.values()) for (const listener of each) listener.lost()
}

// Browsers keep six connections per host: a tab that nobody sees gives its own back.
document.addEventListener('visibilitychange', () => {
  reopen()
  if (!document.hidden) tellLost()
})
