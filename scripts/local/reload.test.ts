import { EventEmitter, once } from 'node:events'
import { cpSync, existsSync, type FSWatcher, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { type Reload, Reloader } from './reload.ts'
import { type Stack, startStack } from './stack.ts'

/** Sources of their own, so that a test may save them: the real ones of two functions, and links to all that they import. */

const directory = join(PROJECT_ROOT, '.local', 'reload-test')
const root = join(directory, 'sources')
const listeners = (name: string) => join(root, 'functions', name, 'listeners.ts')
const reloads = new EventEmitter<{ reload: [Reload] }>()
let stack: Stack

beforeAll(async () => {
  process.env.METADATA_SERVER_DETECTION = 'none'
  rmSync(directory, { recursive: true, force: true })
  for (const name of ['track', 'webhook']) {
    cpSync(join(PROJECT_ROOT, 'functions', name), join(root, 'functions', name), { recursive: true })
  }
  cpSync(join(PROJECT_ROOT, 'shared'), join(root, 'shared'), { recursive: true })
  stack = await startStack({
    ports: { all: 0 },
    directory,
    functions: ['track', 'webhook'],
    inspect: 'track',
    reload: { root, report: (reload) => reloads.emit('reload', reload) },
  })
}, 60_000)
afterAll(() => stack?.close())

/** Saves a source and waits for what comes of it. */
async function save(name: string, text: string): Promise<Reload> {
  const reloaded = once(reloads, 'reload')
  writeFileSync(listeners(name), text)
  return (await reloaded)[0]
}

const original = (name: string) => readFileSync(join(PROJECT_ROOT, 'functions', name, 'listeners.ts'), 'utf8')
/** The same source with a first line of `addListeners` that shows in the log which one runs. */
const marked = (name: string, mark: string) =>
  original(name).replace('): void {', `): void {\n  console.log('${mark}')\n`)

/** Resolves when a line of the function's log says it. */
async function logged(name: string, mark: string): Promise<void> {
  const file = stack.functions[name]?.logFile ?? ''
  while (!readFileSync(file, 'utf8').includes(mark)) await delay(20)
}

it('runs the saved source after a moment, and no message, no webhook is lost or tried twice meanwhile', async () => {
  const statuses: (number | undefined)[] = []
  const onDelivered = ({ subscription, status }: PubSubEvents['delivered'][0]) => {
    if (/\/track$/.test(subscription)) statuses.push(status)
  }
  const answers: (number | undefined)[] = []
  const onAttempt = ({ status }: { status?: number }) => answers.push(status)
  stack.pubsub.events.on('delivered', onDelivered)
  stack.customerio.webhooks.events.on('attempt', onAttempt)
  let published = 0
  let over = false
  const traffic = (async () => {
    while (!over) {
      await stack.client.topic('track').publishMessage({ json: { identifiers: { id: 'ada' }, name: `e${published}` } })
      stack.customerio.webhooks.send({ event_id: `w${published}`, object_type: 'email', metric: 'opened' })
      published += 1
    }
  })()
  const took: number[] = []
  for (const [index, name] of ['track', 'webhook'].entries()) {
    const { error, tookMs } = await save(name, marked(name, `build ${index}`))
    expect(error).toBeUndefined()
    took.push(tookMs)
    await logged(name, `build ${index}`)
  }
  over = true
  await traffic
  await stack.customerio.webhooks.idle()
  while (statuses.length < published) await once(stack.pubsub.events, 'delivered')
  stack.pubsub.events.off('delivered', onDelivered)
  stack.customerio.webhooks.events.off('attempt', onAttempt)
  expect(new Set(statuses)).toEqual(new Set([204]))
  expect(answers).toEqual(Array(published).fill(204))
  expect(statuses).toHaveLength(published)
  expect(stack.customerio.workspace.events.all()).toHaveLength(published)
  console.info(`${published} messages and as many webhooks over reloads of ${took.join(', ')} ms`)
})

it.each([
  ['cannot be built', 'export function addListeners( {', /listeners\.ts:1:/],
  [
    'cannot be loaded',
    `throw new TypeError('not today')\n${'export function addListeners() {}'}`,
    /TypeError: not today/,
  ],
])('a source that %s is reported, and the function runs on as it was', async (_, broken, words) => {
  const { pid } = stack.functions.track ?? {}
  expect(await save('track', broken)).toMatchObject({ name: 'track', error: expect.stringMatching(words) })
  expect(stack.functions.track?.pid).toBe(pid)
  const delivered = new Promise<number | undefined>((resolve) => {
    stack.pubsub.events.on('delivered', ({ subscription, status }) => {
      if (subscription.endsWith('/track')) resolve(status)
    })
  })
  await stack.client.topic('track').publishMessage({ json: { identifiers: { id: 'ada' }, name: 'still here' } })
  expect(await delivered).toBe(204)
  expect(await save('track', original('track'))).toEqual({ name: 'track', tookMs: expect.any(Number) })
})

it('says that it no longer watches a folder, and goes on without it', async () => {
  const own = join(directory, 'unwatched')
  for (const folder of ['functions', 'shared']) mkdirSync(join(own, folder), { recursive: true })
  const watchers: FSWatcher[] = []
  const reloaded = once(reloads, 'reload')
  const reloader = new Reloader({
    ...{ root: own, directory: own, now: Date.now, builds: [], functions: {}, inputs: new Map() },
    quiet: (_, during) => during(),
    report: (reload) => reloads.emit('reload', reload),
    watch: (folder) => {
      const watcher = watch(folder)
      watchers.push(watcher)
      return watcher
    },
  })
  watchers[0]?.emit('error', new Error('too many open files'))
  expect(await reloaded).toEqual([
    { name: 'functions', tookMs: 0, error: expect.stringContaining('no longer watched, start again') },
  ])
  await reloader.close()
})

it('keeps a build that one of two functions with the same code runs, though the other could not take it', async () => {
  const own = join(directory, 'two')
  for (const folder of ['functions', 'shared']) mkdirSync(join(own, folder), { recursive: true })
  const first = {
    ...{ name: 'identify', code: 'identify', source: join(own, 'former') },
    replace: async (folder: string) => {
      first.source = folder
    },
  }
  const replace = () => Promise.reject(new Error('it did not start'))
  const second = { name: 'identify-bulk', code: 'identify', source: join(own, 'former'), replace }
  const reloaded = once(reloads, 'reload')
  const reloader = new Reloader({
    ...{ root: own, directory: join(own, 'builds'), now: Date.now },
    builds: [{ name: 'identify', into: async () => ['functions/identify.ts'] }],
    functions: { first, second },
    inputs: new Map([['identify', ['functions/identify.ts']]]),
    quiet: (_, during) => during(),
    report: (reload) => reloads.emit('reload', reload),
  })
  writeFileSync(join(own, 'functions/identify.ts'), '1')
  expect((await reloaded)[0]).toMatchObject({ name: 'identify', error: 'it did not start' })
  expect(first.source).not.toBe(second.source)
  expect(existsSync(first.source)).toBe(true)
  await reloader.close()
})

it('opens a debugger for the function that is named, also for its next build', async () => {
  expect(stack.functions.webhook?.debuggerUrl).toBeUndefined()
  const before = stack.functions.track?.debuggerUrl ?? ''
  await save('track', marked('track', 'debugged'))
  const after = stack.functions.track?.debuggerUrl ?? ''
  expect(after).not.toBe(before)
  const { host } = new URL(after)
  const [target] = (await (await fetch(`http://${host}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
  expect(target?.webSocketDebuggerUrl).toBe(after)
})

it('logs the place in the source where a listener threw, and none of its words', async () => {
  const throwing = original('webhook')
    .replace('_webhooks: ', 'webhooks: ')
    .replace(': void {', ": void {\n  webhooks.on('*', () => {\n    throw new TypeError('ada@example.com')\n  })\n")
  await save('webhook', throwing)
  stack.customerio.webhooks.send({ event_id: 'thrown', object_type: 'email', metric: 'opened' })
  const line = throwing.split('\n').findIndex((each) => each.includes('throw new')) + 1
  await logged('webhook', `"error":"TypeError","place":"functions/webhook/listeners.ts:${line}:11"`)
  expect(readFileSync(stack.functions.webhook?.logFile ?? '', 'utf8')).not.toContain('ada@example.com')
})
