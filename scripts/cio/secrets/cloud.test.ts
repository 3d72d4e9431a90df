import type { CustomerIoServer } from '../../emulators/customerio/index.ts'
import { type SecretManagerServer, startSecretManager } from '../../emulators/secretmanager/index.ts'
import { startTestCustomerIo } from '../../testing/customerio.ts'
import { readTopology } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'
import { ringWith } from './secrets.ts'

// A busy machine takes its time.
jest.setTimeout(180_000)

const PROJECT = 'projects/acme'
const { secrets } = readTopology()
const pathOf = (name: string) => `${PROJECT}/secrets/${secrets[name]?.id}`

let customerIo: CustomerIoServer
let secretManager: SecretManagerServer

/** A pipeline in the cloud, as the command line sees it: Secret Manager with Terraform's first version, and Customer.io. */
async function start(
  values: Record<string, string>,
  options: { staleReads?: number; region?: 'us' | 'eu'; now?: () => number } = {},
) {
  customerIo = await startTestCustomerIo({ ...(options.region !== undefined && { region: options.region }) })
  secretManager = await startSecretManager({
    port: 0,
    secrets: Object.fromEntries(Object.keys(secrets).map((name) => [pathOf(name), values[name] ?? 'unset'])),
    ...(options.staleReads !== undefined && { staleReads: options.staleReads }),
    ...(options.now !== undefined && { now: options.now }),
  })
  return commandLine(['--project', 'acme', '--region', 'us'], {
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    CUSTOMERIO_TRACK_URL: customerIo.trackUrl,
    CUSTOMERIO_APP_URL: customerIo.appUrl,
    CIO_STATE_DIR: `${process.env.TMPDIR ?? '/tmp'}/cio-cloud-test`,
  })
}

afterEach(() => Promise.all([customerIo?.close(), secretManager?.close()]))

describe('secrets in Secret Manager', () => {
  it('are checked: what is not set, what Customer.io refuses, what to do', async () => {
    const cio = await start({ CUSTOMERIO_SITE_ID: 'site', CUSTOMERIO_TRACK_API_KEY: 'old-key' })
    const { code, stdout, stderr } = await cio.run(['secrets', 'check'])
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /CUSTOMERIO_TRACK_API_KEY +1 +wrong +Customer.io rejects the site id and Track API key \(401\)/,
    )
    expect(stdout).toMatch(/CUSTOMERIO_APP_API_KEY +1 +missing +not configured yet/)
    expect(stderr).toContain('npx cio-gcp secrets set CUSTOMERIO_APP_API_KEY')
    expect(`${stdout}${stderr}`).not.toContain('old-key')
  })

  it('tell a wrong region', async () => {
    const cio = await start(
      { CUSTOMERIO_SITE_ID: 'site', CUSTOMERIO_TRACK_API_KEY: 'track-key', CUSTOMERIO_APP_API_KEY: 'app-key' },
      { region: 'eu' },
    )
    const { code, stdout, stderr } = await cio.run(['secrets', 'check'])
    expect(code).toBe(1)
    expect(stdout).toContain('the account is in region eu, the pipeline is configured for us')
    expect(stderr).toContain('Set customerio_region = eu')
  })

  it('are rotated: a version is added and waited for, those before are disabled, the newest never', async () => {
    const cio = await start({ CUSTOMERIO_SITE_ID: 'site', CUSTOMERIO_TRACK_API_KEY: 'old-key' }, { staleReads: 1 })
    const name = 'CUSTOMERIO_TRACK_API_KEY'
    const rotated = await cio.run(['secrets', 'rotate', name, '--no-wait', '--disable-previous', '--yes'], {
      input: 'track-key\n',
    })
    expect(rotated).toMatchObject({ code: 0, stdout: expect.stringContaining('disabled: version 1') })
    expect(secretManager.versions(pathOf(name))).toEqual([
      { value: 'old-key', state: 'DISABLED' },
      { value: 'track-key', state: 'ENABLED' },
    ])
  })

  it('are not called untouched when the confirmation fails after a version was added', async () => {
    const cio = await start({ CUSTOMERIO_SITE_ID: 'site', CUSTOMERIO_TRACK_API_KEY: 'old-key' })
    const name = 'CUSTOMERIO_TRACK_API_KEY'
    const rotate = ['secrets', 'rotate', name, '--no-wait', '--disable-previous']
    const ended = await cio.run(rotate, { input: 'track-key\n' })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`Done before that: version 2 of ${name} added.`)
    const again = await cio.run([...rotate, '--json'], { input: 'track-key\n' })
    expect(JSON.parse(again.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { exitCode: 2, done: [] } })
  })

  it('are rotated to the end when a rotation was cut off, and not to a value that was there all along', async () => {
    const name = 'CUSTOMERIO_TRACK_API_KEY'
    let nowMs = Date.now()
    const cio = await start({ CUSTOMERIO_SITE_ID: 'site', [name]: 'old-key' }, { now: () => nowMs })
    await cio.run(['secrets', 'set', name], { input: 'track-key' })
    const again = ['secrets', 'rotate', name, '--no-wait', '--disable-previous', '--yes']
    const takenUp = await cio.run(again, { input: 'track-key' })
    expect(takenUp).toMatchObject({ code: 0, stdout: expect.stringContaining('disabled: version 1') })
    nowMs -= 3_600_000
    await cio.run(['secrets', 'set', name, '--no-verify'], { input: 'long-there' })
    const same = await cio.run(again, { input: 'long-there' })
    expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining('already has this value') })
    expect(secretManager.versions(pathOf(name)).map(({ state }) => state)).toEqual(['DISABLED', 'ENABLED', 'ENABLED'])
  })

  it('are not set to what Customer.io refuses', async () => {
    const cio = await start({ CUSTOMERIO_SITE_ID: 'site' })
    const refused = await cio.run(['secrets', 'set', 'CUSTOMERIO_TRACK_API_KEY'], { input: 'typo' })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was changed') })
    expect(secretManager.versions(pathOf('CUSTOMERIO_TRACK_API_KEY'))).toHaveLength(1)
  })
})

describe('a ring of signing keys', () => {
  it('holds the new key and the one that was current, and no older one', () => {
    expect(ringWith('new', 'current\nolder')).toBe('new\ncurrent')
    expect(ringWith('new', 'unset')).toBe('new')
    expect(ringWith('current', 'current\nolder')).toBe('current\nolder')
  })
})
