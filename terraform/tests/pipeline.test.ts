import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sourcesOf } from '../../scripts/cio/dead-letters/source.ts'
import { createProgram } from '../../scripts/cio/program.ts'
import { parseFilter } from '../../scripts/emulators/pubsub/filter.ts'
import { bundleNames, PROJECT_ROOT, readTopology } from '../../scripts/topology/topology.ts'
import { TOPIC_SCHEMAS } from '../../shared/contract/index.ts'

/**
 * What an entry of pipeline.yaml needs elsewhere. Each test lists what is missing, in words that say what to do: somebody
 * who has added a topic, a function, a table or a view runs them and works the list off.
 */

const topology = readTopology()
const { topics, subscriptions, functions, secret_rotation, record, probe, bigquery } = topology
const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), 'utf8')
const exists = (path: string) => existsSync(join(PROJECT_ROOT, path))
const missingIn = (path: string, words: readonly string[]) =>
  words.filter((word) => !read(path).includes(word)).map((word) => `name ${word} in ${path}`)
const unless = (holds: boolean, todo: string): string[] => (holds ? [] : [todo])

/** Topics that applications publish to: all that no function, no subscription, no reminder, no log and no schedule fills. */
const applicationTopics = Object.keys(topics).filter(
  (topic) =>
    topic !== secret_rotation.topic &&
    topic !== record.topic &&
    topic !== probe.topic &&
    Object.values(subscriptions).every(({ dead_letter_topic }) => dead_letter_topic !== topic) &&
    Object.values(functions).every(({ publishes }) => publishes !== topic),
)
/** Without the probe's, whose messages are worth nothing later. */
const pushed = Object.entries(subscriptions).filter(
  ([, { push, topic }]) => push !== undefined && topic !== probe.topic,
)

it.each(applicationTopics)('the topic %s has a contract, a publisher and documents', (topic) => {
  const publish = createProgram(async () => {}).commands.find((command) => command.name() === 'publish')
  expect([
    ...unless(Object.hasOwn(TOPIC_SCHEMAS, topic), `add ${topic} to TOPIC_SCHEMAS in shared/contract/topics.ts`),
    ...unless(
      exists(`shared/contract/json-schema/${topic}.schema.json`),
      `add ${topic} to TOPICS in scripts/schemas/json-schema.ts, then: npm run schemas`,
    ),
    ...unless(
      read('shared/publisher/publisher.ts').includes(`'${topic}'`),
      `add a method that publishes to ${topic} to shared/publisher/publisher.ts`,
    ),
    ...missingIn('shared/contract/README.md', [`## \`${topic}\``]),
    ...unless(
      publish?.registeredArguments[0]?.description.includes(topic) ?? false,
      `name ${topic} in scripts/cio/commands/publish.ts`,
    ),
    ...unless(
      pushed.some(([, subscription]) => subscription.topic === topic),
      `give ${topic} a subscription with push in pipeline.yaml`,
    ),
  ]).toEqual([])
})

it.each(applicationTopics)('a message to %s is in one subscription, whatever its lane', (topic) => {
  const lanes = pushed.filter(([, subscription]) => subscription.topic === topic)
  const takenBy = (attributes: Record<string, string>) =>
    lanes.filter(([, { filter }]) => filter === undefined || parseFilter(filter)(attributes)).map(([name]) => name)
  const others: Record<string, string>[] = [{}, { lane: '' }, { lane: 'urgent' }, { lane: 'Bulk' }, { other: 'bulk' }]
  const todo = `give ${topic} two push subscriptions, ${topic} and ${topic}-bulk, with the filters that identify has`
  expect([
    ...others.flatMap((attributes) => unless(takenBy(attributes).join() === topic, todo)),
    ...unless(takenBy({ lane: 'bulk' }).join() === `${topic}-bulk`, todo),
  ]).toEqual([])
})

it('every topic of the contract is in pipeline.yaml', () => {
  expect(Object.keys(TOPIC_SCHEMAS).filter((topic) => !applicationTopics.includes(topic))).toEqual([])
})

it.each(pushed)(
  'what the subscription %s cannot deliver is dead-lettered, where an operator finds it',
  (name, { dead_letter_topic: topic }) => {
    const pulled = Object.values(subscriptions).some((other) => other.topic === topic && other.push === undefined)
    const sources = sourcesOf(topology).map((source) => subscriptions[source.deadLetterSubscription]?.topic)
    expect([
      ...unless(topic !== undefined, `give the subscription ${name} a dead_letter_topic in pipeline.yaml`),
      ...unless(pulled, `give the topic ${topic} a subscription without push in pipeline.yaml`),
      ...unless(sources.includes(topic), `sourcesOf in scripts/cio/dead-letters does not find ${topic}`),
    ]).toEqual([])
  },
)

it.each(bundleNames(topology))('the function %s has code, a test, and a place in the documents', (name) => {
  const folder = `functions/${name}`
  const tested = exists(folder) && readdirSync(join(PROJECT_ROOT, folder)).some((file) => file.endsWith('.test.ts'))
  const testedTogether = new RegExp(`NAMES = \\[.*'${name}'`).test(read('functions/functions.test.ts'))
  expect([
    ...unless(exists(`${folder}/index.ts`), `write ${folder}/index.ts`),
    ...unless(
      tested || testedTogether,
      `test ${name}: in ${folder}/*.test.ts, or among NAMES of functions/functions.test.ts`,
    ),
    ...missingIn('README.md', [folder]),
    ...missingIn('terraform/README.md', [name]),
  ]).toEqual([])
})

it('every folder of functions is a function of pipeline.yaml', () => {
  const folders = readdirSync(join(PROJECT_ROOT, 'functions'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )
  expect(folders.map(({ name }) => name).filter((name) => !Object.hasOwn(functions, name))).toEqual([])
})

it('the shares of the rate limit add up to no more than 1', () => {
  const sum = Object.values(functions).reduce((total, { rate_share = 0 }) => total + rate_share, 0)
  expect(sum).toBeLessThanOrEqual(1.000001)
})

it.each(Object.entries(bigquery.tables))('the table %s has a schema file and a description', (name, { schema }) => {
  expect([
    ...unless(exists(`terraform/${schema}`), `write terraform/${schema}`),
    ...missingIn('terraform/views/README.md', [`\`${name}\``]),
  ]).toEqual([])
})

it('every schema file is a table of pipeline.yaml', () => {
  const used = Object.values(bigquery.tables).map(({ schema }) => schema)
  const files = readdirSync(join(PROJECT_ROOT, 'terraform/tables')).map((file) => `tables/${file}`)
  expect(files.filter((file) => !used.includes(file))).toEqual([])
})

it.each(Object.keys(bigquery.table_functions))('the table function %s has a test and a description', (name) => {
  expect([
    ...missingIn('terraform/table-functions/table-functions.test.ts', [name]),
    ...missingIn('terraform/views/README.md', [`\`${name}(`]),
  ]).toEqual([])
})

it.each(Object.entries(bigquery.views))('the view %s has a query, a test and a description', (name, { query }) => {
  const tests = readdirSync(join(PROJECT_ROOT, 'terraform/views')).filter((file) => file.endsWith('.test.ts'))
  expect([
    ...unless(exists(`terraform/${query}`), `write terraform/${query}`),
    ...unless(
      tests.some((file) => new RegExp(`\\b${name}\\b`).test(read(`terraform/views/${file}`))),
      `test ${name} in terraform/views/*.test.ts`,
    ),
    ...missingIn('terraform/views/README.md', [`\`${name}\``]),
  ]).toEqual([])
})
