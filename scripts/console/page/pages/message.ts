import { html } from 'htm/preact'
import { href } from '../router.ts'

/** One message, from publish to what came back of it. */
export function Message({ id }: { id: string }) {
  return html`
    <p><a href=${href(['messages'])}>Messages</a></p>
    <h1>Message ${id}</h1>
  `
}
