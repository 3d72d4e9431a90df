import { html } from 'htm/preact'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { ReceivedMessage } from '../../areas/inbox/inbox.ts'
import { get } from '../client.ts'

export interface Part {
  readonly name: string
  readonly title: string
  readonly view: () => ComponentChildren
}

/** The parts of a message that there are. */
export function partsOf(message: ReceivedMessage): readonly Part[] {
  const { html: hasHtml, text, amp, headers, attachments, data, rest } = message.content
  const parts: (Part | false)[] = [
    hasHtml && { name: 'html', title: 'HTML', view: () => html`<${Html} id=${message.id} />` },
    text !== undefined && { name: 'text', title: 'Text', view: () => html`<pre>${text}</pre>` },
    amp !== undefined && { name: 'amp', title: 'AMP', view: () => html`<pre>${amp}</pre>` },
    data !== undefined && {
      name: 'data',
      title: 'Data',
      view: () => html`<pre>${JSON.stringify(data, null, 2)}</pre>`,
    },
    headers.length > 0 && { name: 'headers', title: 'Headers', view: () => html`<${Headers} headers=${headers} />` },
    attachments.length > 0 && {
      name: 'attachments',
      title: `Attachments (${attachments.length})`,
      view: () => html`<${Attachments} message=${message} />`,
    },
    Object.keys(rest).length > 0 && {
      name: 'rest',
      title: 'Other fields',
      view: () => html`<pre>${JSON.stringify(rest, null, 2)}</pre>`,
    },
  ]
  const found = parts.filter((part) => part !== false)
  return found.length > 0
    ? found
    : [{ name: 'none', title: 'Data', view: () => html`<p class="quiet">The message has no data.</p>` }]
}

/** In a frame that runs nothing and loads nothing, until somebody asks for the images. */
function Html({ id }: { id: string }) {
  const [remote, setRemote] = useState(false)
  const source = `/api/inbox/${encodeURIComponent(id)}/html${remote ? '?remote=yes' : ''}`
  return html`
    <p class="row">
      ${
        remote
          ? html`<span class="quiet">Images are loaded from where the sender put them.</span>`
          : html`<span class="quiet">Nothing is loaded from elsewhere.</span> <button type="button" onClick=${() => setRemote(true)}>Load images</button>`
      }
    </p>
    <iframe key=${source} sandbox="" src=${source} title="HTML of the message" referrerpolicy="no-referrer"></iframe>
  `
}

function Headers({ headers }: { headers: readonly (readonly [string, string])[] }) {
  return html`
    <table aria-label="Headers">
      <tbody>${headers.map(([name, value]) => html`<tr><th scope="row">${name}</th><td class="wrap">${value}</td></tr>`)}</tbody>
    </table>
  `
}

function Attachments({ message: { id, content } }: { message: ReceivedMessage }) {
  return html`
    <table aria-label="Attachments">
      <thead><tr><th scope="col">Name</th><th scope="col" class="number">Bytes</th><th scope="col"></th></tr></thead>
      <tbody>
        ${content.attachments.map(
          ({ name, bytes }, number) => html`
            <tr key=${number}>
              <td class="mono wrap">${name}</td>
              <td class="number">${bytes.toLocaleString('en')}</td>
              <td><button type="button" aria-label=${`Download ${name}`} onClick=${() => void download(id, number)}>Download</button></td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `
}

/** Saves a file and never shows it: it is of no type that a browser opens. */
async function download(id: string, number: number): Promise<void> {
  const path = `/api/inbox/${encodeURIComponent(id)}/attachments/${number}`
  const { name, base64 } = await get<{ name: string; base64: string }>(path)
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  link.download = name.replaceAll(/[/\\]/g, '_')
  link.click()
  URL.revokeObjectURL(link.href)
}
