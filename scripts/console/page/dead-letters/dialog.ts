import { html } from 'htm/preact'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface DialogProps {
  readonly title: string
  /** Of the button that does it. */
  readonly action: string
  readonly danger?: boolean
  readonly disabled?: boolean
  readonly confirm: () => void
  readonly cancel: () => void
  readonly children?: ComponentChildren
}

/** Asks before something is done: what, to what, and how to undo it. Escape is no. */
export function Dialog({ title, action, danger = false, disabled = false, confirm, cancel, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  // At once, not after the next frame: a key that was pressed meanwhile has moved the focus on.
  useLayoutEffect(() => {
    const opener = document.activeElement
    element.current?.showModal()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  const onSubmit = (event: Event) => {
    event.preventDefault()
    if (!disabled) confirm()
  }
  return html`
    <dialog ref=${element} aria-labelledby="dialog-title" onCancel=${cancel}>
      <form onSubmit=${onSubmit}>
        <h2 id="dialog-title">${title}</h2>
        ${children}
        <div class="row end">
          <button type="button" onClick=${cancel}>Cancel</button>
          <button type="submit" class=${danger ? 'danger solid' : 'primary'} disabled=${disabled}>${action}</button>
        </div>
      </form>
    </dialog>
  `
}
