import { effect, signal } from '@preact/signals'
import type { InboxEvent, Received } from '../../areas/inbox/inbox.ts'
import { get, live } from '../client.ts'
import { place } from '../router.ts'

interface InboxList {
  readonly messages: readonly Received[]
  readonly found: number
  readonly channels: Readonly<Record<string, number>>
}

/** What the inbox shows, the newest first; undefined until it is there. */
export const inbox = signal<InboxList | undefined>(undefined)
/** Counts up when something was told of a message that is open: it asks again. */
export const told = signal(0)
/** How webhooks about messages were answered, by message and metric; 0 means not at all. */
export const answers = signal<ReadonlyMap<string, number>>(new Map())

let asked = 0

async function load(): Promise<void> {
  const number = ++asked
  const { filter, channel } = place.value.params
  const list = await get<InboxList>('/api/inbox', { containing: filter, channel }).catch(() => undefined)
  if (number === asked && list !== undefined) inbox.value = list
}

/** However much happens, it is asked for four times a second. */
const PAUSE_MS = 250

/** Shows the messages that the address asks for, and what happens to them, until the returned function is called. */
export function follow(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let shown: string | undefined
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      told.value++
      void load()
    }, PAUSE_MS)
  }
  const unlisten = live<InboxEvent>('inbox', {
    events: (events) => {
      soon()
      const answered = events.filter((event) => event.kind === 'webhook')
      if (answered.length > 0) {
        const entries = answered.map(({ id, metric, status }): [string, number] => [`${id} ${metric}`, status ?? 0])
        answers.value = new Map([...answers.value, ...entries])
      }
    },
    lost: () => {
      void load()
      told.value++
    },
  })
  const stop = effect(() => {
    const { filter = '', channel = '' } = place.value.params
    if (shown === `${channel} ${filter}`) return
    shown = `${channel} ${filter}`
    void load()
  })
  return () => {
    clearTimeout(timer)
    unlisten()
    stop()
  }
}
