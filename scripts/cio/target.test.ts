import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { refuseWhatNpmTook } from './npm.ts'
import { createProgram } from './program.ts'
import { commandLine, npmRun } from './testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(120_000)

const PUBLISH = ['publish', 'identify', '{"identifiers":{"id":"ada"}}']
/** Nobody listens there, and nothing is to be sent there. */
const NOBODY = { PUBSUB_EMULATOR_HOST: '127.0.0.1:9', CIO_STATE_DIR: join(tmpdir(), 'cio-target-test') }
const cio = commandLine([], NOBODY)

async function npm(args: readonly string[], directory = PROJECT_ROOT, env: Readonly<Record<string, string>> = {}) {
  return npmRun(args, { directory, env: { ...NOBODY, ...env } })
}

describe('the target', () => {
  it('must stand on the command line: a variable is set once and forgotten', async () => {
    const ended = await cio.run(PUBLISH, { env: { GOOGLE_CLOUD_PROJECT: 'acme-prod', GCLOUD_PROJECT: 'acme-prod' } })
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('does not say where') })
  })

  it.each([
    ['--local', '--env', 'prod'],
    ['--local', '--project', 'acme'],
    ['--env', 'prod', '--project', 'another'],
  ])('must be one: %s %s %s', async (...target) => {
    expect((await cio.run([...PUBLISH, ...target])).code).toBe(2)
  })

  it('is shown before anything happens, with what stands in for it', async () => {
    const { child, ended } = cio.start([...PUBLISH, '--project', 'acme'])
    child.stderr?.on('data', () => child.kill('SIGKILL'))
    const { stdout, stderr } = await ended
    expect([stdout, stderr]).toEqual(['', 'target: project acme (PUBSUB_EMULATOR_HOST is set)\n'])
  })
})

describe('through npm', () => {
  it('options that npm swallows are noticed, and nothing is done', async () => {
    const { code, output } = await npm([...PUBLISH, '--dry-run', '-y', '--env', 'prod', '--project=acme'])
    expect(code).toBe(2)
    for (const each of ['--dry-run', '--yes', '--env', '--project']) expect(output).toContain(each)
    expect(output).toContain('npm run cio -- publish')
  })

  it('--local, of which npm leaves no trace, is asked for again with how to write it', async () => {
    const { code, output } = await npm([...PUBLISH, '--local'], PROJECT_ROOT, { GOOGLE_CLOUD_PROJECT: 'acme-prod' })
    expect(code).toBe(2)
    expect(output).toContain('npm run cio --')
  })

  it('the exit code is the command’s', async () => {
    expect((await npm(['--', 'dlq', 'list', '--endpoints', '/nowhere'])).code).toBe(1)
  })

  it('paths count from where the person stands', async () => {
    const folder = mkdtempSync(join(PROJECT_ROOT, 'scripts/cio/.standing-'))
    try {
      writeFileSync(join(folder, 'one.json'), '{"identifiers":{"id":"ada"},"name":"x"}')
      const { code, output } = await npm(
        ['--', 'publish', 'track', '--file', 'one.json', '--dry-run', '--project', 'acme'],
        folder,
      )
      expect([output, code]).toEqual([expect.stringContaining('1 message valid'), 0])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

it('no option of ours goes unnoticed when npm has it', () => {
  const program = createProgram(async () => {})
  const all = [program, ...program.commands.flatMap((each) => [each, ...each.commands])]
  const options = all.flatMap((command) => command.options)
  expect(options.length).toBeGreaterThan(40)
  for (const { long, negate } of options) {
    const name = (long ?? '').replace(/^--(no-)?/, '').replaceAll('-', '_')
    const variable = name === 'edit' ? { npm_config_editor: '' } : { [`npm_config_${name}`]: negate ? '' : 'true' }
    expect(() => refuseWhatNpmTook(program, ['dlq'], variable)).toThrow('npm took')
    expect(() => refuseWhatNpmTook(program, ['dlq', long ?? ''], variable)).not.toThrow(long ?? '')
  }
  // What npm sets by itself, and `npx -y`.
  expect(() => refuseWhatNpmTook(program, [], { npm_config_yes: '', npm_config_local_prefix: '/x' })).not.toThrow()
  expect(() => refuseWhatNpmTook(program, [], { npm_config_yes: 'true', npm_command: 'exec' })).not.toThrow()
})

describe('errors', () => {
  it.each([
    [['--nope'], 2, "unknown option '--nope'"],
    [['publish', 'nothing', '{}', '--project', 'acme'], 2, 'there is no topic nothing'],
    [['dlq', 'list', '--endpoints', '/nowhere'], 1, 'there is no /nowhere'],
  ])('are JSON with --json: %j', async (args, exitCode, message) => {
    const ended = await cio.run([...args, '--json'])
    expect(ended).toMatchObject({ code: exitCode, stdout: '' })
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { message: expect.stringContaining(message), exitCode } })
  })

  it.each([[['dlq', 'list']], [['secrets', 'check']], [['doctor', '--no-synthetic']], [['webhooks', 'list']]])(
    'without credentials are one line and what to do: %j',
    async (args) => {
      const home = mkdtempSync(join(tmpdir(), 'cio-home-'))
      const nobody = commandLine(['--project', 'acme', '--region', 'us'], {
        ...NOBODY,
        HOME: home,
        CLOUDSDK_CONFIG: home,
      })
      const ended = await nobody.run(args, { env: { PUBSUB_EMULATOR_HOST: '' } })
      expect(ended.code).toBe(1)
      expect(ended.stderr).toBe(
        'target: project acme\nerror: there are no Google credentials on this machine\n' +
          '  Run: gcloud auth application-default login\n',
      )
    },
  )
})
