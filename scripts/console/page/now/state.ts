import { signal } from '@preact/signals'
import type { FlowOfTopic } from '../../areas/now/flows.ts'
import type { Now } from '../../areas/now/now.ts'
import { get, live, post } from '../client.ts'

export const now = signal<Now | undefined>(undefined)
export const flows = signal<readonly FlowOfTopic[]>([])
export const problem = signal<string | undefined>(undefined)
/** What the last action came to. */
export const said = signal<string | undefined>(undefined)

/** Follows the pipeline until the returned function is called. */
export function follow(): () => void {
  const load = () =>
    attempt(async () => {
      const { flows: found, ...state } = await get<Now & { flows: readonly FlowOfTopic[] }>('/api/now')
      flows.value = found
      now.value = state
    })
  void load()
  return live<Now>('now', {
    events: (states) => {
      now.value = states.at(-1) ?? now.value
    },
    lost: () => void load(),
  })
}

export function publishSample(): Promise<void> {
  return attempt(async () => {
    const { published } = await post<{ published: number }>('/api/now/sample')
    said.value = `Published ${published} messages.`
  })
}

export function breakCustomerIo(): Promise<void> {
  return attempt(async () => {
    now.value = await post<Now>('/api/now/break')
    said.value = undefined
  })
}

export function mendCustomerIo(): Promise<void> {
  return attempt(async () => {
    now.value = await post<Now>('/api/now/mend')
    said.value = 'Customer.io answers again.'
  })
}

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work()
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  }
}
