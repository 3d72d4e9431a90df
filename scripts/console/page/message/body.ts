import { html } from 'htm/preact'
import { useState } from 'preact/hooks'
import type { TopicName } from '../../../../shared/contract/index.ts'
import type { Payload } from '../../areas/message/message.ts'
import { facts } from '../facts.ts'
import { open } from '../publish/draft.ts'
import { go, href } from '../router.ts'
import { LANGUAGES, type Language, snippetIn } from './snippets.ts'

/** The body of the message with the contract's verdict at each field, and what to do with it. */
export function Body({ payload }: { payload: Payload }) {
  const { topic, text, bytes, lines, verdict, problems, attributes, orderingKey, publishes } = payload
  const edit = () => {
    open(topic as TopicName, indented(text))
    go(href(['publish']))
  }
  return html`
    <section class="card" aria-labelledby="body">
      <div class="row">
        <h2 id="body">Message</h2>
        <${Verdict} verdict=${verdict} problems=${problems} />
        <span class="quiet">${bytes.toLocaleString('en')} bytes</span>
        <span class="grow"></span>
        ${verdict !== 'none' && facts.areas.includes('publish') && html`<button onClick=${edit}>Edit and publish</button>`}
      </div>
      <div class="document mono">
        ${
          lines === undefined
            ? html`<pre>${text}</pre>`
            : lines.map(
                ({ depth, key, text: value, problems: rules }) => html`
                  <div class=${rules.length > 0 ? 'line wrong' : 'line'} style=${{ paddingLeft: `${depth * 2}ch` }}>
                    ${key !== undefined && html`<span class="key">${key}</span>: `}<span>${value}</span>
                    ${rules.map((rule) => html`<span class="rule"><span aria-hidden="true">✕ </span>${rule}</span>`)}
                  </div>
                `,
              )
        }
      </div>
      <h3>Attributes</h3>
      <dl class="facts mono">
        ${Object.entries(attributes).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
        ${orderingKey !== '' && html`<dt>ordering key</dt><dd>${orderingKey}</dd>`}
        ${publishes.map(({ messageId }, index) => html`<dt>${index === 0 ? 'published as' : 'and again as'}</dt><dd>${messageId}</dd>`)}
      </dl>
      <${Copies} payload=${payload} />
    </section>
  `
}

function Verdict({ verdict, problems }: Pick<Payload, 'verdict' | 'problems'>) {
  if (verdict === 'none') return html`<span class="quiet">no contract of ours</span>`
  if (verdict === 'keeps') return html`<span class="good"><span aria-hidden="true">✓ </span>keeps the contract</span>`
  return html`<span class="bad"><span aria-hidden="true">✕ </span>breaks the contract at ${problems === 1 ? 'one field' : `${problems} fields`}</span>`
}

/** As a program or command, to take along. */
function Copies({ payload }: { payload: Payload }) {
  const [chosen, setChosen] = useState<Language | undefined>(undefined)
  const [copied, setCopied] = useState(false)
  const snippet = chosen && snippetIn(chosen, payload)
  const copy = async () => {
    await navigator.clipboard.writeText(snippet ?? '')
    setCopied(true)
  }
  return html`
    <h3>As code</h3>
    <div class="row" role="group" aria-label="As code">
      ${LANGUAGES.map(
        (language) => html`
          <button aria-pressed=${language === chosen} onClick=${() => {
            setCopied(false)
            setChosen(language === chosen ? undefined : language)
          }}>${language}</button>
        `,
      )}
      ${snippet !== undefined && html`<button class="primary" onClick=${copy}>Copy</button> <span role="status" class="good">${copied ? 'Copied' : ''}</span>`}
    </div>
    ${snippet !== undefined && html`<pre class="snippet" tabindex="0">${snippet}</pre>`}
  `
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
