import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import type { LogFields } from '../logging/index.ts'
import { createSecret } from './index.ts'

let clock = manualClock()
let reads = 0
let content: () => Promise<string> = async () => 'first\n'
let warnings: { message: string; fields: LogFields }[] = []

beforeEach(() => {
  clock = manualClock(1_000_000)
  reads = 0
  content = async () => 'first\n'
  warnings = []
})

function secretFromFile(more: Partial<Parameters<typeof createSecret>[0]> = {}) {
  return createSecret({
    name: 'CUSTOMERIO_TRACK_API_KEY',
    file: '/secrets/key',
    clock,
    readFile: () => {
      reads += 1
      return content()
    },
    log: { warning: (message, fields) => warnings.push({ message, fields }) },
    ...more,
  })
}

const failing = async () => {
  throw Object.assign(new Error('EIO: the content was top-secret'), { code: 'EIO' })
}

it('reads the file once and serves the value for a minute', async () => {
  const secret = secretFromFile()
  expect(await secret.current()).toBe('first')
  clock.advance(60_000)
  expect(await secret.current()).toBe('first')
  expect(reads).toBe(1)
})

it('reads the file again when the value is older than a minute', async () => {
  const secret = secretFromFile()
  await secret.current()
  content = async () => 'second'
  clock.advance(60_001)
  expect(await secret.current()).toBe('second')
})

it('turns concurrent reads into one', async () => {
  const secret = secretFromFile()
  const values = await Promise.all([secret.current(), secret.current(), secret.refresh(), secret.current()])
  expect(values).toEqual(['first', 'first', 'changed', 'first'])
  expect(reads).toBe(1)
})

it('keeps the last value when a read fails, and logs the name of the secret and nothing that was read', async () => {
  const secret = secretFromFile()
  await secret.current()
  content = failing
  clock.advance(60_001)
  expect(await secret.current()).toBe('first')
  expect(warnings).toEqual([
    {
      message: expect.any(String),
      fields: { event: 'secret_read_failed', secret: 'CUSTOMERIO_TRACK_API_KEY', error: 'EIO' },
    },
  ])
  expect(JSON.stringify(warnings)).not.toMatch(/top-secret|first/)
})

it('does not try a failing file again at every use, but does after the interval', async () => {
  const secret = secretFromFile({ minRefreshIntervalMs: 1_000 })
  content = failing
  expect(await secret.current()).toBeUndefined()
  expect(await secret.current()).toBeUndefined()
  expect(await secret.refresh()).toBe('failed')
  expect(reads).toBe(1)
  content = async () => 'there now'
  clock.advance(1_000)
  expect(await secret.current()).toBe('there now')
  expect(await secret.refresh()).toBe('limited')
})

it('names an error without a code as unreadable', async () => {
  content = () => Promise.reject(new Error('top-secret'))
  expect(await secretFromFile().refresh()).toBe('failed')
  expect(warnings[0]?.fields.error).toBe('unreadable')
})

it('treats a read that hangs as failed, starts no second one beside it, and takes its value when it ends', async () => {
  const secret = secretFromFile({ readTimeoutMs: 1_000, minRefreshIntervalMs: 0 })
  let end: (value: string) => void = () => {}
  content = () => new Promise((resolve) => (end = resolve))
  const waiting = Promise.all([secret.current(), secret.refresh()])
  clock.advance(1_000)
  expect(await waiting).toEqual([undefined, 'failed'])
  expect(warnings).toHaveLength(1)
  // Nobody waits for it again: this would not resolve, for the clock stands still.
  expect(await secret.refresh()).toBe('failed')
  expect(reads).toBe(1)
  end('late')
  await new Promise(setImmediate)
  content = async () => 'not read: the late value is fresh'
  expect(await secret.current()).toBe('late')
})

it('does not give up a read that only waits for its turns in a busy process', async () => {
  const secret = secretFromFile({ clock: systemClock, readTimeoutMs: 20 })
  content = async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      await new Promise(setImmediate)
      const busyUntilMs = performance.now() + 10
      while (performance.now() < busyUntilMs);
    }
    return 'read'
  }
  expect(await secret.current()).toBe('read')
  expect(warnings).toEqual([])
})

it('says whether a refresh changed the value', async () => {
  const secret = secretFromFile({ minRefreshIntervalMs: 0 })
  expect(await secret.refresh()).toBe('changed')
  expect(await secret.refresh()).toBe('unchanged')
  content = async () => 'second'
  expect(await secret.refresh()).toBe('changed')
  expect(await secret.current()).toBe('second')
})

it('limits how often a refresh reads', async () => {
  const secret = secretFromFile({ minRefreshIntervalMs: 500 })
  await secret.current()
  clock.advance(499)
  expect(await secret.refresh()).toBe('limited')
  expect(await secret.refresh(0)).toBe('limited')
  clock.advance(1)
  expect(await secret.refresh()).toBe('unchanged')
  expect(reads).toBe(2)
})

it('lets callers that can wait share the next permitted read, which begins after they asked', async () => {
  const secret = secretFromFile({ minRefreshIntervalMs: 500 })
  await secret.current()
  clock.advance(200)
  const waiting = [secret.refresh(300), secret.refresh(1_000)]
  expect(await secret.refresh(299)).toBe('limited')
  expect(clock.pending).toEqual([300])
  content = async () => 'second'
  clock.advance(300)
  expect(await Promise.all(waiting)).toEqual(['changed', 'changed'])
  expect(reads).toBe(2)
})

it.each(['', '\n', 'unset', 'unset\r\n'])('takes the content %j for not configured', async (empty) => {
  content = async () => empty
  expect(await secretFromFile().current()).toBeUndefined()
})

it('keeps inner newlines and spaces, and drops the final newlines', async () => {
  content = async () => ' one\ntwo \r\n\n'
  expect(await secretFromFile().current()).toBe(' one\ntwo ')
})

it.each([
  ['s3cret\n', 's3cret'],
  ['unset', undefined],
  [undefined, undefined],
])('takes the literal %j as %j', async (value, expected) => {
  const secret = createSecret({ name: 'N', value, clock, log: { warning: () => {} } })
  expect(await secret.current()).toBe(expected)
  expect(await secret.refresh()).toBe('unchanged')
})

it('follows a real file on the real clock', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'secret-'))
  const file = join(folder, 'key')
  await writeFile(file, 'one\n')
  const log = { warning: () => {} }
  const secret = createSecret({ name: 'N', file, log, clock: systemClock, minRefreshIntervalMs: 5 })
  expect(await secret.current()).toBe('one')
  await writeFile(file, 'two\n')
  expect(await secret.refresh(1_000)).toBe('changed')
  expect(await secret.current()).toBe('two')
  await rm(folder, { recursive: true })
  expect(await secret.refresh(1_000)).toBe('failed')
  expect(await secret.current()).toBe('two')
})

it('reads again when the clock has been set back', async () => {
  const secret = secretFromFile()
  expect(await secret.current()).toBe('first')
  clock.set(clock.now() - 3_600_000)
  content = async () => 'second'
  expect(await secret.current()).toBe('second')
  clock.set(clock.now() - 3_600_000)
  content = async () => 'third'
  expect(await secret.refresh()).toBe('changed')
  expect(await secret.current()).toBe('third')
})
