import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { PubSub } from '@google-cloud/pubsub'
import { type CustomerIoServer, startCustomerIo } from '../emulators/customerio/index.ts'
import { freePort } from '../emulators/ports.ts'
import { startPubSub } from '../emulators/pubsub/index.ts'
import { pushBody } from '../testing/push.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { buildFunction } from './build.ts'
import type { LockFile } from './lock.ts'

/**
 * Does with the bundles what Google's buildpack does (GoogleCloudPlatform/buildpacks, cmd/nodejs), in an empty folder outside
 * the repository: installs, checks the syntax, and starts the functions framework told by the environment what to serve.
 */

const run = promisify(execFile)
/** The image's Node, and nothing of the project's. */
const PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter)
const BUILD_ENV = { PATH, NODE_ENV: 'production', HOME: tmpdir() }
const CREDENTIALS = { siteId: 'site', trackApiKey: 'track-key', appApiKey: 'app-key' }

const ENTRIES = { 'relied-upon': 'scripts/build/testing/relied-upon.ts', track: 'functions/track/index.ts' } as const
type Name = keyof typeof ENTRIES

let root: string
let customerio: CustomerIoServer
const running: ChildProcess[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'deployed-'))
  customerio = await startCustomerIo({ port: 0, ...CREDENTIALS, deliveryDelayMs: 0 })
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await customerio.close()
  await rm(root, { recursive: true, force: true })
})

/** Builds a function and makes it ready to start, as the buildpack does. */
async function deploy(name: Name, plain: boolean): Promise<string> {
  const folder = join(root, plain ? 'plain' : 'bundled', name)
  const lockFile: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  await buildFunction({ name, entry: join(PROJECT_ROOT, ENTRIES[name]), outDir: folder, lockFile, plain })
  // The archive gives every file this mode.
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (file.isFile()) await chmod(join(file.parentPath, file.name), 0o644)
  const npm = (...args: string[]) => run('npm', [...args, '--quiet', '--offline'], { cwd: folder, env: BUILD_ENV })
  if (plain) {
    await vendor(folder)
    await npm('rebuild')
  } else await npm('ci', '--no-fund', '--no-audit')
  const { main } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  await run('node', ['--check', main], { cwd: folder, env: BUILD_ENV })
  return folder
}

/** With GOOGLE_VENDOR_NPM_DEPENDENCIES nothing is installed: the modules are there already. */
async function vendor(folder: string): Promise<void> {
  const { packages }: LockFile = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
  for (const path of Object.keys(packages).filter((each) => each !== '')) {
    await mkdir(join(folder, path), { recursive: true })
    await cp(join(PROJECT_ROOT, path), join(folder, path), {
      recursive: true,
      filter: (source) => !source.slice(join(PROJECT_ROOT, path).length).includes('node_modules'),
    })
  }
}

interface Started {
  readonly port: number
  readonly child: ChildProcess
  /** Resolves once it has written this text. */
  written(text: string): Promise<void>
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Of the user it runs as, the test's own by default. */
  readonly uid?: number
}

async function start(folder: string, name: Name, { env = {}, uid }: StartOptions = {}): Promise<Started> {
  const port = await freePort()
  const child = spawn('/bin/bash', ['-c', 'node_modules/.bin/functions-framework'], {
    cwd: folder,
    env: {
      PATH,
      NODE_OPTIONS: '--max-old-space-size=448',
      FUNCTION_TARGET: name,
      FUNCTION_SIGNATURE_TYPE: 'http',
      PORT: String(port),
      // The framework says when it listens.
      NODE_ENV: 'test',
      LOG_EXECUTION_ID: 'true',
      ...env,
    },
    ...(uid !== undefined && { uid, gid: uid }),
  })
  running.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const written = async (text: string) => {
    while (!output.includes(text)) {
      if (child.exitCode !== null) throw new Error(`ended without writing ${text}:\n${output}`)
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')])
    }
  }
  await written('URL:')
  return { port, child, written }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

async function ask(port: number, task: string, { method = 'POST', path = '/', body = Buffer.alloc(0) } = {}) {
  const headers = { task, 'content-type': 'application/json', 'content-length': body.length }
  const sent = request({ port, host: '127.0.0.1', method, path, headers }).end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  const answer: Answer = { status: response.statusCode, headers: response.headers, text }
  return answer
}

const TRACK_ENV = () => ({
  GOOGLE_CLOUD_PROJECT: 'p',
  METADATA_SERVER_DETECTION: 'none',
  DEAD_LETTER_TOPIC: 'dead-letter',
  MAX_DELIVERY_ATTEMPTS: '100',
  ACK_DEADLINE_SECONDS: '60',
  CUSTOMERIO_REGION: 'us',
  CUSTOMERIO_TRACK_URL: customerio.trackUrl,
  CUSTOMERIO_SITE_ID: CREDENTIALS.siteId,
  CUSTOMERIO_TRACK_API_KEY: CREDENTIALS.trackApiKey,
  CUSTOMERIO_REQUESTS_PER_SECOND: '100',
  PERSON_HASH_KEYS: 'a key of thirty-two characters..',
  RECIPIENTS: 'anyone',
})
const event = (name = 'seen') => ({
  body: Buffer.from(JSON.stringify(pushBody({ action: 'event', identifiers: { id: 'u1' }, name }))),
})

describe.each([
  ['the framework bundled', false],
  ['--plain', true],
])('with %s', (_, plain) => {
  let folder: string
  let function_: Started
  beforeAll(async () => {
    folder = await deploy('relied-upon', plain)
    function_ = await start(folder, 'relied-upon')
  }, 60_000)

  it('track takes a push from an installed folder, and none whose sender went away while the process stood still', async () => {
    const { port, child } = await start(await deploy('track', plain), 'track', { env: TRACK_ENV() })
    const before = customerio.workspace.events.all().length
    expect(await ask(port, '', event('first'))).toMatchObject({ status: 204 })
    const senders = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'))
    await Promise.all(senders.map((sender) => once(sender, 'connect')))
    child.kill('SIGSTOP')
    for (const [index, sender] of senders.entries()) {
      const { body } = event('gone')
      sender.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      if (index % 2 === 0) sender.destroy()
      else sender.resetAndDestroy()
    }
    await Promise.all(senders.map((sender) => once(sender, 'close')))
    // Of the same person, so it would wait for the others.
    const heard = ask(port, '', event('heard'))
    child.kill('SIGCONT')
    expect(await heard).toMatchObject({ status: 204 })
    const names = customerio.workspace.events.all().slice(before)
    expect(names.map(({ name }) => name)).toEqual(['first', 'heard'])
    child.kill('SIGKILL')
  }, 60_000)

  it('a publisher makes its own client', async () => {
    const pubsub = await startPubSub({ port: 0 })
    const client = new PubSub({ projectId: 'p', apiEndpoint: `http://${pubsub.host}`, emulatorMode: true })
    await client.createTopic('track')
    await client.close()
    const env = { PUBSUB_EMULATOR_HOST: pubsub.host, GOOGLE_CLOUD_PROJECT: 'p', METADATA_SERVER_DETECTION: 'none' }
    const { port, child } = await start(folder, 'relied-upon', { env })
    const answer = await ask(port, 'publish')
    child.kill('SIGKILL')
    await pubsub.close()
    expect(answer).toMatchObject({ status: 200, text: expect.stringMatching(/^\d+$/) })
  })

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE'])('%s reaches the function', async (method) => {
    expect((await ask(function_.port, '', { method })).text).toBe(`${method} 0`)
  })

  it.each(['/robots.txt', '/%zz', '/any/path?with=query'])('%s reaches the function', async (path) => {
    expect((await ask(function_.port, '', { path })).text).toBe('POST 0')
  })

  it('a body of 32 MB and one of malformed JSON arrive as they were sent', async () => {
    const large = Buffer.alloc(32 * 1024 * 1024, 'x')
    expect((await ask(function_.port, '', { body: large })).text).toBe(`POST ${large.length}`)
    expect((await ask(function_.port, '', { body: Buffer.from('{"a":') })).text).toBe('POST 5')
  })

  it.each(['throw', 'reject'])('answers 500 when the function does not catch: %s', async (task) => {
    const { status, headers } = await ask(function_.port, task)
    expect({ status, from: headers['x-google-status'] }).toEqual({ status: 500, from: 'crash' })
    await function_.written(task === 'throw' ? 'thrown before' : 'rejected')
    expect(await ask(function_.port, '')).toMatchObject({ status: 200 })
  })

  it('answers what it holds when SIGTERM comes, and then ends', async () => {
    const { port, child, written } = await start(folder, 'relied-upon')
    const held = ask(port, 'hold')
    await written('holding')
    child.kill('SIGTERM')
    expect((await held).text).toBe('held')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('ends with code 16 after an error that nobody catches', async () => {
    const { port, child } = await start(folder, 'relied-upon')
    void ask(port, 'fail later').catch(() => {})
    expect(await once(child, 'exit')).toEqual([16, null])
  })
})

describe('the bundle starts', () => {
  let folder: string
  beforeAll(async () => {
    folder = await deploy('track', false)
  }, 60_000)

  async function takesAPush(options: StartOptions): Promise<void> {
    const { port, child } = await start(folder, 'track', { ...options, env: { ...TRACK_ENV(), ...options.env } })
    expect(await ask(port, '', event())).toMatchObject({ status: 204 })
    // With SIGTERM it ends by itself, and writes the compile cache.
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  it('without a compile cache, with its own, with that of another Node, and with a spoilt one', async () => {
    const cache = join(root, 'cache')
    const env = { NODE_COMPILE_CACHE: cache }
    await takesAPush({})
    await takesAPush({ env })
    const [tag] = await readdir(cache)
    if (tag === undefined) throw new Error('Node wrote no compile cache')
    await takesAPush({ env })
    const own = join(cache, tag)
    for (const file of await readdir(own)) await writeFile(join(own, file), 'spoilt')
    await takesAPush({ env })
    await rename(own, join(cache, 'v22.0.0-x64-00000000-0'))
    await takesAPush({ env })
  }, 60_000)

  it('on a disk that cannot be written, where a compile cache cannot be either', async () => {
    await chmod(root, 0o755)
    for (const each of [folder, join(folder, 'functions-framework')]) await chmod(each, 0o555)
    // Root may write everywhere.
    const user = process.getuid?.() === 0 ? { uid: 65_534 } : {}
    await takesAPush({ ...user, env: { NODE_COMPILE_CACHE: join(folder, 'cache') } })
    expect(await readdir(folder)).not.toContain('cache')
  })
})
