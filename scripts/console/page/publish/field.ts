import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { Field } from '../../areas/publish/form.ts'
import { asText, fromText, isDocument, problemsOf } from './document.ts'
import { set, verdict } from './draft.ts'

export interface FieldProps {
  readonly field: Field
  readonly path: readonly string[]
  readonly value: unknown
  /** Takes the field out of the message, where it may be absent. */
  readonly remove?: (() => void) | undefined
}

type InputEvent = { readonly currentTarget: HTMLInputElement }

/** One field of the form: its name, what it means, what is wrong with it. */
export function FormField({ field, path, value, remove }: FieldProps) {
  const id = `field-${path.join('-')}`
  const isGroup = field.input === 'group' || field.input === 'alternatives'
  const problem = problemsOf(verdict.value?.problems ?? [], path, field.input !== 'group')
  const described = `${id}-about ${id}-problem`
  const name = html`<span class="field-name">${field.name}${field.required ? html`<span class="quiet"> required</span>` : ''}</span>`
  const removal =
    remove === undefined
      ? ''
      : html`<button type="button" class="quiet-button" aria-label=${`Remove ${field.name}`} onClick=${remove}>remove</button>`
  const foot = html`
    <span class="about" id=${`${id}-about`}>${field.description}</span>
    <span class="error" id=${`${id}-problem`} role="status">${problem}</span>
  `
  if (isGroup) {
    return html`
      <fieldset class="field" aria-describedby=${described}>
        <legend>${name} ${removal}</legend>
        ${
          field.input === 'group'
            ? html`<div class="group">${field.fields?.map(
                (inner) =>
                  html`<${FormField} key=${inner.name} field=${inner} path=${[...path, inner.name]} value=${isDocument(value) ? value[inner.name] : undefined} />`,
              )}</div>`
            : html`<${Alternatives} field=${field} path=${path} value=${value} id=${id} invalid=${problem !== ''} />`
        }
        ${foot}
      </fieldset>
    `
  }
  return html`
    <div class="field">
      <div class="field-head"><label for=${id}>${name}</label>${removal}</div>
      <${Control} field=${field} path=${path} value=${value} id=${id} described=${described} invalid=${problem !== ''} />
      ${foot}
    </div>
  `
}

interface ControlProps extends Omit<FieldProps, 'remove'> {
  readonly id: string
  readonly described?: string
  readonly invalid: boolean
}

function Control({ field, path, value, id, described, invalid }: ControlProps) {
  const common = { id, name: path.join('.'), 'aria-describedby': described, 'aria-invalid': invalid, spellcheck: false }
  const onText = ({ currentTarget }: InputEvent) => set(path, fromText(currentTarget.value, field))
  switch (field.input) {
    case 'flag':
      return html`<input type="checkbox" ...${common} checked=${value === true} onChange=${({ currentTarget }: InputEvent) => set(path, currentTarget.checked)} />`
    case 'choice':
      return html`
        <select ...${common} value=${asText(value)} onChange=${onText}>
          <option value="">not given</option>
          ${field.choices?.map((choice) => html`<option value=${choice}>${choice}</option>`)}
        </select>
      `
    case 'lines':
      return html`<textarea ...${common} rows="1" value=${asText(value)} onInput=${onText} />`
    case 'json':
      return html`<${JsonControl} common=${common} path=${path} value=${value} />`
    case 'files':
      return html`<${FilesControl} common=${common} path=${path} value=${value} />`
    default:
      return html`<input type="text" ...${common} autocomplete="off" placeholder=${PLACEHOLDERS[field.input] ?? ''} value=${asText(value)} onInput=${onText} />`
  }
}

const PLACEHOLDERS: Readonly<Record<string, string>> = { time: '2026-11-26T09:30:00Z, or Unix seconds' }

/** Exactly one of several fields, such as the identifiers of a person. */
function Alternatives({ field, path, value, id, invalid }: ControlProps) {
  const { fields = [] } = field
  const given = isDocument(value) ? Object.keys(value)[0] : undefined
  const [chosen, setChosen] = useState(given ?? fields[0]?.name ?? '')
  const name = given ?? chosen
  const inner = fields.find((each) => each.name === name)
  const content = isDocument(value) ? value[name] : undefined
  const change = (next: string) => {
    setChosen(next)
    set(path, content === undefined ? undefined : { [next]: content })
  }
  return html`
    <div class="row nowrap">
      <select aria-label=${`${field.name}: which`} value=${name} onChange=${({ currentTarget }: { currentTarget: HTMLSelectElement }) => change(currentTarget.value)}>
        ${fields.map((each) => html`<option value=${each.name}>${each.name}</option>`)}
      </select>
      <input
        class="grow"
        type="text"
        id=${id}
        aria-label=${`${field.name}: ${name}`}
        aria-invalid=${invalid}
        autocomplete="off"
        spellcheck=${false}
        value=${asText(content)}
        onInput=${({ currentTarget }: InputEvent) => {
          const typed = inner === undefined ? currentTarget.value : fromText(currentTarget.value, inner)
          set(path, typed === undefined ? undefined : { [name]: typed })
        }}
      />
    </div>
  `
}

interface PartProps {
  readonly common: Readonly<Record<string, unknown>>
  readonly path: readonly string[]
  readonly value: unknown
}

/** A part of the message that is any JSON: what does not parse yet stays here. */
function JsonControl({ common, path, value }: PartProps) {
  const written = value === undefined ? '' : JSON.stringify(value, null, 2)
  const [typed, setTyped] = useState(written)
  const isSame = written === normalized(typed)
  useEffect(() => {
    // The other editor changed it: this one follows.
    if (!isSame && normalized(typed) !== undefined) setTyped(written)
  }, [written])
  const isBroken = typed !== '' && normalized(typed) === undefined
  const onInput = ({ currentTarget }: InputEvent) => {
    setTyped(currentTarget.value)
    if (currentTarget.value === '') set(path, undefined)
    else if (normalized(currentTarget.value) !== undefined) set(path, JSON.parse(currentTarget.value))
  }
  return html`
    <textarea class="mono" ...${common} rows="1" placeholder="{ }" value=${typed} onInput=${onInput} />
    ${isBroken ? html`<span class="error">not JSON yet</span>` : ''}
  `
}

function normalized(typed: string): string | undefined {
  if (typed === '') return ''
  try {
    return JSON.stringify(JSON.parse(typed), null, 2)
  } catch {
    return undefined
  }
}

/** Files by name, their content in base64. */
function FilesControl({ common, path, value }: PartProps) {
  const files = isDocument(value) ? value : {}
  const add = async ({ currentTarget }: InputEvent) => {
    const chosen = [...(currentTarget.files ?? [])]
    const added = await Promise.all(chosen.map(async (file) => [file.name, await base64Of(file)]))
    set(path, { ...files, ...Object.fromEntries(added) })
    currentTarget.value = ''
  }
  const remove = (name: string) => {
    const { [name]: _gone, ...rest } = files
    set(path, Object.keys(rest).length === 0 ? undefined : rest)
  }
  return html`
    <input type="file" multiple ...${common} onChange=${add} />
    ${Object.keys(files).map(
      (name) =>
        html`<span class="row"><span class="mono">${name}</span><button type="button" class="quiet-button" aria-label=${`Remove ${name}`} onClick=${() => remove(name)}>remove</button></span>`,
    )}
  `
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
}
