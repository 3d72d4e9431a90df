import { execFileSync } from 'node:child_process'
import { LANGUAGES, type Snippet, snippetIn } from './snippets.ts'

const HOSTILE = `{"identifiers":{"id":"o'neil $(touch /tmp/x) \`id\` \\"q\\" \\\\ ü 𝒳"},"name":"a\\nb"}`
const SNIPPET: Snippet = {
  ...{ topic: 'track', text: HOSTILE, orderingKey: "id:o'neil", projectId: 'my-project', emulator: undefined },
  attributes: { idempotency_key: "a,b;c'$(id)", source_message_id: '1', replay_count: '2', traceparent: '00-1' },
}

/** What a shell makes of a command: its arguments, one per line of JSON. */
function argumentsOf(command: string): readonly string[] {
  const print = `show() { for each; do printf '%s\\0' "$each"; done; }; gcloud() { show "$@"; }; curl() { show "$@"; };`
  const printed = execFileSync('sh', ['-c', `${print}\n${command}`]).toString()
  return printed.split('\0').slice(0, -1)
}

it('gcloud gets the message, its key and its order as they are', () => {
  expect(argumentsOf(snippetIn('gcloud', SNIPPET))).toEqual([
    ...['pubsub', 'topics', 'publish', 'track', '--project=my-project', "--ordering-key=id:o'neil"],
    `--attribute=^|^idempotency_key=a,b;c'$(id)`,
    `--message=${HOSTILE}`,
  ])
})

it('curl gets one request with the message in base64', () => {
  const args = argumentsOf(snippetIn('curl', { ...SNIPPET, emulator: '127.0.0.1:8085' }))
  expect(args).toContain('http://127.0.0.1:8085/v1/projects/my-project/topics/track:publish')
  const { messages } = JSON.parse(args.at(-1) ?? '')
  expect(Buffer.from(messages[0].data, 'base64').toString()).toBe(HOSTILE)
  expect(messages[0]).toMatchObject({
    attributes: { idempotency_key: "a,b;c'$(id)" },
    orderingKey: "id:o'neil",
  })
})

it('TypeScript gets the same message', () => {
  const program = snippetIn('TypeScript', SNIPPET)
  expect(published(program)).toEqual(['track', JSON.parse(HOSTILE), { idempotencyKey: "a,b;c'$(id)" }])
  const polluting = '{"__proto__":{"a":1},"name":"x"}'
  const [, message] = published(snippetIn('TypeScript', { ...SNIPPET, text: polluting, attributes: {} }))
  expect(Object.keys(Object(message))).toEqual(['__proto__', 'name'])
})

/** What the program would publish. */
function published(program: string): readonly unknown[] {
  const [, call = ''] = /await messaging\.publish\(([\s\S]*)\)\nawait messaging\.close/.exec(program) ?? []
  return new Function(`return [${call}]`)()
}

it('Python gets strings that it reads as JSON does', () => {
  const program = snippetIn('Python', { ...SNIPPET, emulator: '127.0.0.1:8085' })
  expect(program).toContain(`    ${JSON.stringify(HOSTILE)}.encode(),`)
  expect(program).toContain(`**{"idempotency_key": "a,b;c'$(id)"}`)
  expect(program).toContain('os.environ["PUBSUB_EMULATOR_HOST"] = "127.0.0.1:8085"')
  expect(program).toContain('enable_message_ordering=True')
})

it.each(LANGUAGES)('%s leaves out what belongs to one publish only', (language) => {
  expect(snippetIn(language, SNIPPET)).not.toMatch(/source_message_id|replay_count|traceparent/)
})
