import { effect, signal } from '@preact/signals'
import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { RecordedMessages } from '../../../cio/messages/recorded.ts'
import { get } from '../client.ts'
import { bytes } from '../parts/bytes.ts'
import { loading, problem, show } from './list.ts'

const today = () => new Date().toISOString().slice(0, 10)

const from = signal(today())
const to = signal(today())
/** What the look-up would read; undefined until BigQuery has said so. */
const cost = signal<number | undefined>(undefined)
const more = signal(false)

/** Which days to look up in the record, and what that reads. Nothing is read before the button is pressed. */
export function LookUp() {
  useEffect(() => {
    loading.value = false
    return watchCost()
  }, [])
  const onSubmit = (event: Event) => {
    event.preventDefault()
    void lookUp()
  }
  const dateField = (label: string, value: typeof from) => html`
    <label>${label} <input type="date" required value=${value.value} onInput=${({ currentTarget }: { currentTarget: HTMLInputElement }) => (value.value = currentTarget.value)} /></label>
  `
  return html`
    <form class="row" onSubmit=${onSubmit} aria-label="Days of the record">
      ${dateField('From', from)}${dateField('to', to)}<span class="quiet">UTC</span>
      <button class="primary" disabled=${loading.value}>Look up</button>
      <span class="quiet" role="status">${cost.value === undefined ? '' : `reads at most ${bytes(cost.value)} of BigQuery`}${more.value ? '; the newest 10,000 are shown' : ''}</span>
    </form>
  `
}

/** A dry run per choice of days: it reads nothing. */
function watchCost(): () => void {
  return effect(() => {
    const days = { from: from.value, to: to.value }
    cost.value = undefined
    void get<{ bytes: number }>('/api/recorded/bytes', days).then(
      (said) => {
        problem.value = undefined
        if (days.from === from.value && days.to === to.value) cost.value = said.bytes
      },
      (error) => {
        problem.value = error instanceof Error ? error.message : String(error)
      },
    )
  })
}

async function lookUp(): Promise<void> {
  loading.value = true
  try {
    const found = await get<RecordedMessages>('/api/recorded', { from: from.value, to: to.value })
    show(found.rows)
    more.value = found.more
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  } finally {
    loading.value = false
  }
}
