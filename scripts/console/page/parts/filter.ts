import { html } from 'htm/preact'

export interface FilterProps {
  readonly text: string
  readonly placeholder: string
  readonly onText: (text: string) => void
  /** Id of what says why a filter is not understood. */
  readonly describedBy?: string
}

/** The filter of a page's rows: `/` goes into it, Enter and Escape back to the rows. */
export function Filter({ text, placeholder, onText, describedBy }: FilterProps) {
  return html`
    <label class="grow filter">
      <span class="visually-hidden">Filter</span>
      <input
        data-filter
        type="search"
        spellcheck=${false}
        value=${text}
        placeholder=${`${placeholder}     press /`}
        aria-describedby=${describedBy}
        onInput=${({ currentTarget }: { currentTarget: HTMLInputElement }) => onText(currentTarget.value)}
        onKeyDown=${leave}
      />
    </label>
  `
}

function leave(event: KeyboardEvent): void {
  if (event.key !== 'Enter' && event.key !== 'Escape') return
  event.preventDefault()
  document.querySelector<HTMLElement>('[data-rows]')?.focus()
}
