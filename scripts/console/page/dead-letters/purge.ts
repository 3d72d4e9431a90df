import { html } from 'htm/preact'
import { useState } from 'preact/hooks'
import type { ActionAnswer } from '../../areas/dead-letters/dead-letters.ts'
import { facts } from '../facts.ts'
import { Dialog } from './dialog.ts'
import { act, count } from './letters.ts'

interface Props {
  readonly messageIds: readonly string[]
  readonly close: () => void
  readonly done?: () => void
}

/** Deletes after the number was typed. */
export function PurgeDialog({ messageIds, close, done }: Props) {
  const [confirmation, setConfirmation] = useState('')
  const wanted = `delete ${messageIds.length}`
  const confirm = async () => {
    close()
    const what = `Deleting ${count(messageIds.length)}`
    if ((await act<ActionAnswer>(what, 'purge', { messageIds, confirmation })) !== undefined) done?.()
  }
  return html`
    <${Dialog}
      danger
      title=${`Delete ${count(messageIds.length)} of ${facts.environment} for good?`}
      action=${`Delete ${messageIds.length.toLocaleString('en')}`}
      disabled=${confirmation.trim() !== wanted}
      confirm=${() => void confirm()}
      cancel=${close}
    >
      <p>Their messages are lost: nothing can bring them back.</p>
      <label class="typed">
        <span>Type <strong>${wanted}</strong> to go on</span>
        <input
          autofocus
          autocomplete="off"
          spellcheck=${false}
          value=${confirmation}
          onInput=${({ currentTarget }: { currentTarget: HTMLInputElement }) => setConfirmation(currentTarget.value)}
        />
      </label>
    <//>
  `
}
