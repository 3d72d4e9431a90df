import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { TopicName } from '../../../../shared/contract/index.ts'
import type { Field, Kind } from '../../areas/publish/form.ts'
import {
  choose,
  chooseTopic,
  document,
  forms,
  key,
  kind,
  lane,
  load,
  openExample,
  published,
  refusal,
  send,
  sending,
  set,
  text,
  topic,
  verdict,
  watch,
} from '../publish/draft.ts'
import { FormField } from '../publish/field.ts'
import { Gauges } from '../publish/gauges.ts'
import { href } from '../router.ts'
import '../publish/publish.css'

type SelectEvent = { readonly currentTarget: HTMLSelectElement }
type TextEvent = { readonly currentTarget: HTMLInputElement }

/** Writes a message, with the contract looking on, and publishes it. */
export function Publish() {
  useEffect(() => {
    void load()
    return watch()
  }, [])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && isSound()) void send()
  }
  const onSubmit = (event: Event) => {
    event.preventDefault()
    if (isSound()) void send()
  }
  return html`
    <h1>Publish</h1>
    <form class="publish" onSubmit=${onSubmit} onKeyDown=${onKeyDown} aria-label="Message">
      <div class="stack">
        <${Choices} />
        <${Fields} />
      </div>
      <div class="stack sticky">
        <${Sending} />
        <${Verdict} />
        <label class="field">
          <span class="field-name">Message as JSON</span>
          <textarea
            class="mono json"
            rows="16"
            spellcheck=${false}
            value=${text.value}
            onInput=${({ currentTarget }: TextEvent) => (text.value = currentTarget.value)}
          />
        </label>
      </div>
    </form>
  `
}

const isSound = () => verdict.value?.problems.length === 0

function Choices() {
  const chosen = forms.value?.topics[topic.value]
  const kinds = chosen?.kinds ?? []
  return html`
    <div class="row">
      <label>Topic
        <select value=${topic.value} onChange=${({ currentTarget }: SelectEvent) => chooseTopic(currentTarget.value as TopicName)}>
          ${Object.keys(forms.value?.topics ?? {}).map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      </label>
      ${
        kinds.length > 1
          ? html`
            <label>Kind
              <select value=${kind.value?.name ?? ''} onChange=${({ currentTarget }: SelectEvent) => chooseKind(kinds[currentTarget.selectedIndex])}>
                ${kinds.map(({ name }) => html`<option value=${name}>${name}</option>`)}
              </select>
            </label>
          `
          : ''
      }
      <label>Example
        <select value="" onChange=${({ currentTarget }: SelectEvent) => {
          openExample(Number(currentTarget.value))
          currentTarget.value = ''
        }}>
          <option value="">choose one</option>
          ${chosen?.examples.map(({ label }, index) => html`<option value=${index}>${label}</option>`)}
        </select>
      </label>
    </div>
  `
}

function chooseKind(chosen: Kind | undefined): void {
  if (chosen !== undefined) choose(chosen)
}

function Fields() {
  const given = document.value
  const [added, setAdded] = useState<readonly string[]>([])
  useEffect(() => setAdded([]), [kind.value?.name])
  if (given === undefined) {
    return html`<p class="empty">The text is not a JSON object. Mend it under “Message as JSON”, or choose an example.</p>`
  }
  const fields = kind.value?.fields ?? []
  const isShown = ({ name, required }: Field) => required || given[name] !== undefined || added.includes(name)
  const hidden = fields.filter((field) => !isShown(field))
  return html`
    <p class="quiet">${kind.value?.description}</p>
    ${fields.filter(isShown).map(
      (field) => html`
        <${FormField}
          key=${field.name}
          field=${field}
          path=${[field.name]}
          value=${given[field.name]}
          remove=${
            field.required
              ? undefined
              : () => {
                  setAdded(added.filter((name) => name !== field.name))
                  set([field.name], undefined)
                }
          }
        />
      `,
    )}
    ${
      hidden.length === 0
        ? ''
        : html`
          <div class="row" role="group" aria-label="Add a field">
            <span class="quiet">Add</span>
            ${hidden.map(({ name, description }) => html`<button type="button" class="chip" title=${description} onClick=${() => setAdded([...added, name])}>${name}</button>`)}
          </div>
        `
    }
  `
}

function Sending() {
  const sound = isSound()
  return html`
    <div class="row">
      <button type="submit" class="primary" disabled=${!sound || sending.value} title="Ctrl+Enter">Send</button>
      ${
        sound || verdict.value === undefined
          ? ''
          : html`<button type="button" disabled=${sending.value} onClick=${() => void send(true)} title="Publishes it as it is, as a program does that does not check">Send it broken</button>`
      }
      <label class="grow">
        <span class="visually-hidden">Idempotency key</span>
        <input type="text" autocomplete="off" spellcheck=${false} placeholder="Idempotency key: a new one" value=${key.value} onInput=${({ currentTarget }: TextEvent) => (key.value = currentTarget.value)} />
      </label>
      <label class="nowrap"><input type="checkbox" checked=${lane.value === 'bulk'} onChange=${({ currentTarget }: TextEvent) => (lane.value = currentTarget.checked ? 'bulk' : '')} /> bulk</label>
    </div>
    <div role="status" class="result">
      ${refusal.value === undefined ? '' : html`<p class="error">✕ Not published: ${refusal.value.message}</p>`}
      ${
        published.value === undefined
          ? ''
          : html`
            <p><span class="good">✓</span> Published as message <a href=${href(['messages', published.value.messageId])}>${published.value.messageId}</a>${topic.value === 'transactional' ? html`, seen in the <a href=${href(['inbox'])}>inbox</a> once it is sent` : ''}</p>
            <p class="quiet">key <span class="mono">${published.value.key}</span></p>
          `
      }
    </div>
  `
}

/** What the function of the topic would say of it. */
function Verdict() {
  const found = verdict.value
  if (found === undefined) return ''
  return html`
    <section class="card" aria-label="Verdict of the contract">
      <h2>${found.problems.length === 0 ? html`<span class="good">✓ keeps the contract</span>` : html`<span class="bad">✕ breaks the contract</span>`}</h2>
      ${
        found.problems.length === 0
          ? ''
          : html`<ul class="problems">${found.problems.map(({ field, rule }) => html`<li><code>${field}</code> ${rule}</li>`)}</ul>`
      }
      <${Gauges} measures=${found.measures} />
    </section>
  `
}
