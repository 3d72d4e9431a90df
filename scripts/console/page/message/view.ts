import { signal } from '@preact/signals'
import type { MessageView } from '../../areas/message/message.ts'
import type { MessageRow } from '../../areas/messages/row.ts'
import { get, live, Refused } from '../client.ts'
import { facts } from '../facts.ts'

/** The message that is shown, as the console knew it a moment ago. */
export const view = signal<MessageView | undefined>(undefined)
/** Why it could not be asked for. */
export const problem = signal<string | undefined>(undefined)
/** How far the console's clock is ahead of the browser's. */
export const clockAheadMs = signal(0)

/** What is asked for more often than this changes nothing that a person sees. */
const AGAIN_MS = 2_000
/** What follows from an event, such as a line of the record, comes a moment later. */
const SOON_MS = 300

/** What a look at the stores reads at most, where it is done on demand only; undefined until BigQuery has said so. */
export const cost = signal<number | undefined>(undefined)
/** Without a feed nothing is asked for by itself. */
export const isLive = facts.feeds.includes('messages')

/** Looks at the stores of a deployment, once. */
export async function lookUp(id: string): Promise<void> {
  try {
    take(await get<MessageView>(`/api/messages/${encodeURIComponent(id)}`))
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  }
}

/** Asks what a look would read, which reads nothing. */
export function askCost(id: string): void {
  view.value = undefined
  problem.value = undefined
  cost.value = undefined
  void get<{ bytes: number }>(`/api/messages/${encodeURIComponent(id)}/bytes`).then(
    (said) => {
      cost.value = said.bytes
    },
    (error) => {
      problem.value = error instanceof Error ? error.message : String(error)
    },
  )
}

function take(loaded: MessageView): void {
  clockAheadMs.value = loaded.nowMs - Date.now()
  view.value = loaded
  problem.value = undefined
}

/** Asks whenever the message, or a webhook, has news; and now and then while an outcome is still to come. */
export function followMessage(id: string): () => void {
  view.value = undefined
  problem.value = undefined
  let gone = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const load = async () => {
    clearTimeout(timer)
    try {
      const loaded = await get<MessageView>(`/api/messages/${encodeURIComponent(id)}`)
      if (gone) return
      take(loaded)
    } catch (error) {
      if (gone) return
      problem.value = error instanceof Error ? error.message : String(error)
      // It will be refused again: there is no such message.
      if (error instanceof Refused && error.status >= 400 && error.status < 500) return
    }
    const isDone =
      view.value !== undefined && view.value.journeys.length > 0 && view.value.journeys.every(({ final }) => final)
    clearTimeout(timer)
    if (!isDone && !document.hidden) timer = setTimeout(load, AGAIN_MS)
  }
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(load, SOON_MS)
  }
  void load()
  const end = live<MessageRow>('messages', {
    events: (changed) => {
      if (changed.some((row) => row.id === id || row.topic === 'webhook-events')) soon()
    },
    lost: soon,
  })
  return () => {
    gone = true
    clearTimeout(timer)
    end()
  }
}
