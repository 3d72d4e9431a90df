import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { ActionAnswer } from '../../areas/dead-letters/dead-letters.ts'
import { post } from '../client.ts'
import { Dialog } from './dialog.ts'
import { act, attempt, busy } from './letters.ts'

interface Props {
  readonly messageId: string
  readonly topic: string
  readonly editable: string
  readonly close: () => void
  readonly done: () => void
}

/** A pause in typing after which the text is checked. */
const CHECK_AFTER_MS = 250

/** Attributes and message as JSON, checked as it is typed. */
export function Edit({ messageId, topic, editable, close, done }: Props) {
  const [text, setText] = useState(editable)
  const [problem, setProblem] = useState<string | null | undefined>(undefined)
  const [isAsking, setAsking] = useState(false)
  const at = encodeURIComponent(messageId)
  useEffect(() => {
    let isOld = false
    const timer = setTimeout(async () => {
      const checked = await attempt(() => post<{ problem: string | null }>(`/api/dead-letters/${at}/check`, { text }))
      if (!isOld) setProblem(checked?.problem)
    }, CHECK_AFTER_MS)
    return () => {
      isOld = true
      clearTimeout(timer)
    }
  }, [text])
  const confirm = async () => {
    setAsking(false)
    if ((await act<ActionAnswer>('Replaying the edited message', `${at}/edit`, { text })) !== undefined) done()
  }
  return html`
    <section class="card" aria-labelledby="edit">
      <h2 id="edit">Edit</h2>
      <label>
        <span class="visually-hidden">Attributes and message as JSON</span>
        <textarea
          class="mono json"
          rows="16"
          spellcheck=${false}
          value=${text}
          aria-describedby="edit-problem"
          aria-invalid=${typeof problem === 'string'}
          onInput=${({ currentTarget }: { currentTarget: HTMLTextAreaElement }) => {
            setProblem(undefined)
            setText(currentTarget.value)
          }}
        ></textarea>
      </label>
      <p id="edit-problem" role="status" class=${typeof problem === 'string' ? 'error pre' : 'quiet'}>${problem === undefined ? 'Checking' : (problem ?? `It keeps the contract of ${topic}.`)}</p>
      <div class="row">
        <button class="primary" disabled=${problem !== null || busy.value !== undefined} onClick=${() => setAsking(true)}>Replay the edited message…</button>
        <button onClick=${close}>Discard the edit</button>
      </div>
      ${
        isAsking &&
        html`
          <${Dialog} title=${`Replay the edited message to ${topic}?`} action="Replay it" confirm=${() => void confirm()} cancel=${() => setAsking(false)}>
            <p>It is published with your changes in the place of this dead letter, which is removed once Pub/Sub has accepted it.</p>
            <p>A replay cannot be called back. Its key stays unless you changed it.</p>
          <//>
        `
      }
    </section>
  `
}
