import { computed, signal } from '@preact/signals'
import type { FaultsState } from '../../areas/faults/faults.ts'
import { get, live, post, Refused } from '../client.ts'

/** What goes wrong at this moment; undefined until it is known. */
export const faults = signal<FaultsState | undefined>(undefined)
export const problem = signal<string | undefined>(undefined)

/** How many faults are on. */
export const active = computed(() => {
  const on = faults.value?.groups.flatMap(({ switches }) => switches.filter(({ isOn }) => isOn)) ?? []
  return on.length + (faults.value?.otherOrders.length ?? 0)
})

export async function load(): Promise<void> {
  faults.value = await get<FaultsState>('/api/faults').catch(() => faults.value)
}

/** Keeps the state up to date until the returned function is called. */
export function follow(): () => void {
  void load()
  return live<FaultsState>('faults', {
    events: (states) => {
      faults.value = states.at(-1) ?? faults.value
    },
    lost: () => void load(),
  })
}

/** Asks for a change, and shows what it came to. */
export async function change(path: string, order: unknown = {}): Promise<void> {
  problem.value = undefined
  try {
    faults.value = await post<FaultsState>(path, order)
  } catch (error) {
    problem.value = error instanceof Refused ? error.message : 'it did not work'
  }
}
