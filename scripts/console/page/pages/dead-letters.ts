import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import '../dead-letters/dead-letters.css'
import { Letter } from '../dead-letters/letter.ts'
import { follow, said } from '../dead-letters/letters.ts'
import { List } from '../dead-letters/list.ts'
import { place } from '../router.ts'

/** What is held of the dead letters; or one of them when the address names it. */
export function DeadLetters() {
  useEffect(follow, [])
  const [messageId] = place.value.rest
  return html`
    <div role="status" class="saying">
      ${said.value !== undefined && html`<p class=${`said ${said.value.isProblem ? 'error' : ''}`}>${said.value.text}</p>`}
    </div>
    ${messageId === undefined ? html`<${List} />` : html`<${Letter} messageId=${messageId} key=${messageId} />`}
  `
}
