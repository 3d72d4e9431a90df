/** A message as somebody else would publish it. */
export interface Snippet {
  readonly topic: string
  readonly text: string
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
  readonly projectId: string
  /** Where a local Pub/Sub listens, `host:port`; undefined in the cloud. */
  readonly emulator: string | undefined
}

export const LANGUAGES = ['TypeScript', 'Python', 'gcloud', 'curl'] as const
export type Language = (typeof LANGUAGES)[number]

/** The program or command that publishes the message. Whatever stands in the message, it stays one argument. Pure. */
export function snippetIn(language: Language, snippet: Snippet): string {
  switch (language) {
    case 'TypeScript':
      return typeScript(snippet)
    case 'Python':
      return python(snippet)
    case 'gcloud':
      return gcloud(snippet)
    case 'curl':
      return curl(snippet)
  }
}

/** What publishers set; the rest is Pub/Sub's, an operator's, or of one publish only. */
function ownAttributes({ attributes }: Snippet): readonly (readonly [string, string])[] {
  return Object.entries(attributes).filter(([name]) => !/^(source_|replay_count$|traceparent$|goog)/.test(name))
}

function typeScript(snippet: Snippet): string {
  const { topic, text, projectId, emulator } = snippet
  const { idempotency_key: key, lane } = snippet.attributes
  const options = [
    ...(key === undefined ? [] : [`idempotencyKey: ${quoted(key)}`]),
    ...(lane === 'bulk' ? [`lane: 'bulk'`] : []),
  ]
  return `import { MessagingPublisher } from 'cio-gcp'
${emulator === undefined ? '' : `\nprocess.env.PUBSUB_EMULATOR_HOST = ${quoted(emulator)}`}
const messaging = new MessagingPublisher({ projectId: ${quoted(projectId)} })
await messaging.publish(${quoted(topic)}, ${literal(text)}${options.length === 0 ? '' : `, { ${options.join(', ')} }`})
await messaging.close()
`
}

function python(snippet: Snippet): string {
  const { topic, text, orderingKey, projectId, emulator } = snippet
  const attributes = ownAttributes(snippet).map(([name, value]) => `${quoted(name)}: ${quoted(value)}`)
  const ordered = orderingKey === '' ? '' : 'pubsub_v1.types.PublisherOptions(enable_message_ordering=True)'
  return `${emulator === undefined ? '' : `import os\n\nos.environ["PUBSUB_EMULATOR_HOST"] = ${quoted(emulator)}\n\n`}from google.cloud import pubsub_v1

publisher = pubsub_v1.PublisherClient(${ordered})
publisher.publish(
    publisher.topic_path(${quoted(projectId)}, ${quoted(topic)}),
    ${quoted(text)}.encode(),
${orderingKey === '' ? '' : `    ordering_key=${quoted(orderingKey)},\n`}    **{${attributes.join(', ')}},
).result()
`
}

function gcloud(snippet: Snippet): string {
  const { topic, text, orderingKey, projectId, emulator } = snippet
  const attributes = ownAttributes(snippet)
  const own = attributes.map(([name, value]) => `${name}=${value}`)
  // gcloud splits at commas unless another sign is named: https://cloud.google.com/sdk/gcloud/reference/topic/escaping
  const sign = [',', ';', '|', '~', '#'].find((each) => own.every((pair) => !pair.includes(each))) ?? ','
  const list = `${sign === ',' ? '' : `^${sign}^`}${own.join(sign)}`
  const parts = [
    `gcloud pubsub topics publish ${shell(topic)} --project=${shell(projectId)}`,
    ...(orderingKey === '' ? [] : [`--ordering-key=${shell(orderingKey)}`]),
    ...(own.length === 0 ? [] : [`--attribute=${shell(list)}`]),
    `--message=${shell(text)}`,
  ]
  const local =
    emulator === undefined
      ? ''
      : `export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=${shell(`http://${emulator}/`)} CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true\n`
  return `${local}${parts.join(' \\\n  ')}\n`
}

function curl(snippet: Snippet): string {
  const { topic, text, orderingKey, projectId, emulator } = snippet
  const attributes = Object.fromEntries(ownAttributes(snippet))
  const message = { data: base64(text), attributes, ...(orderingKey !== '' && { orderingKey }) }
  const path = `v1/projects/${projectId}/topics/${topic}:publish`
  const parts = [
    `curl -s ${shell(emulator === undefined ? `https://pubsub.googleapis.com/${path}` : `http://${emulator}/${path}`)}`,
    ...(emulator === undefined ? ['-H "Authorization: Bearer $(gcloud auth print-access-token)"'] : []),
    `-H 'Content-Type: application/json'`,
    `-d ${shell(JSON.stringify({ messages: [message] }))}`,
  ]
  return `${parts.join(' \\\n  ')}\n`
}

/** For a POSIX shell: nothing within single quotes means anything. */
function shell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** A string of JavaScript and of Python: JSON's escapes mean the same in both. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** A JSON document is an object of JavaScript too, unless it names a prototype. */
function literal(text: string): string {
  try {
    const document: unknown = JSON.parse(text)
    return text.includes('__proto__') ? `JSON.parse(${quoted(text)})` : JSON.stringify(document, null, 2)
  } catch {
    return quoted(text)
  }
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''))
}
