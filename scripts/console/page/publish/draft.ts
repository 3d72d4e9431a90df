import { batch, computed, effect, signal } from '@preact/signals'
import type { TopicName } from '../../../../shared/contract/index.ts'
import type { Kind } from '../../areas/publish/form.ts'
import type { Published, PublishForms, PublishVerdict } from '../../areas/publish/publish.ts'
import { get, post, Refused } from '../client.ts'
import { changed, type Document, documentIn } from './document.ts'

export const topic = signal<TopicName>('transactional')
/** The message as JSON text: the only state of the draft. The form reads it and writes it. */
export const text = signal('')
export const key = signal('')
export const lane = signal<'' | 'bulk'>('')

export const forms = signal<PublishForms | undefined>(undefined)
export const verdict = signal<PublishVerdict | undefined>(undefined)
export const published = signal<Published | undefined>(undefined)
/** Why it could not be published, and which field that is about. */
export const refusal = signal<Refused | undefined>(undefined)
export const sending = signal(false)

/** The message as an object; undefined while the text is none. */
export const document = computed(() => documentIn(text.value))

/** Which form fits: by the fields that tell the kinds apart, where an absent one means the first kind. */
export const kind = computed<Kind | undefined>(() => {
  const kinds = forms.value?.topics[topic.value].kinds ?? []
  const given = document.value ?? {}
  const fits = ({ fixed }: Kind) => Object.entries(fixed).every(([name, value]) => (given[name] ?? value) === value)
  return kinds.find(fits)
})

/** Puts another message into the form, such as one that was published and is to be edited. */
export function open(name: TopicName, message: string): void {
  batch(() => {
    topic.value = name
    text.value = message
    published.value = undefined
    refusal.value = undefined
  })
}

/** Begins a message of another kind, with what both kinds have. */
export function choose({ fixed, fields }: Kind): void {
  const kept = fields.flatMap(({ name }) =>
    document.value?.[name] === undefined ? [] : [[name, document.value[name]]],
  )
  write({ ...fixed, ...Object.fromEntries(kept) })
}

export function chooseTopic(name: TopicName): void {
  topic.value = name
  const [first] = forms.value?.topics[name].kinds ?? []
  if (first !== undefined) choose(first)
}

/** Sets a field of the message, or takes it out when the value is undefined. */
export function set(path: readonly string[], value: unknown): void {
  if (document.value !== undefined) write(changed(document.value, path, value))
}

function write(message: Document): void {
  text.value = JSON.stringify(message, null, 2)
}

export async function load(): Promise<void> {
  forms.value ??= await get<PublishForms>('/api/publish')
  if (text.value === '') openExample(0)
}

export function openExample(index: number): void {
  const example = forms.value?.topics[topic.value].examples[index]
  if (example !== undefined) open(topic.value, example.text)
}

/** @param unchecked publishes it although it breaks the contract */
export async function send(unchecked = false): Promise<void> {
  if (sending.value) return
  sending.value = true
  refusal.value = undefined
  const order = {
    topic: topic.value,
    text: text.value,
    unchecked,
    key: key.value,
    ...(lane.value !== '' && { lane: lane.value }),
  }
  try {
    published.value = await post<Published>('/api/publish', order)
  } catch (error) {
    published.value = undefined
    refusal.value = error instanceof Refused ? error : new Refused('it could not be published', 0)
  } finally {
    sending.value = false
  }
}

const TYPING_PAUSE_MS = 120
let asked = 0

/** Has the contract look at the draft whenever somebody stops typing for a moment. Gives what ends that. */
export function watch(): () => void {
  return effect(() => {
    const order = { topic: topic.value, text: text.value }
    const number = ++asked
    const timer = setTimeout(async () => {
      const found = await post<PublishVerdict>('/api/publish/check', order).catch(() => undefined)
      if (number === asked) verdict.value = found
    }, TYPING_PAUSE_MS)
    return () => clearTimeout(timer)
  })
}
