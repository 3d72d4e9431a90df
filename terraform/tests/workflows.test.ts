import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { chosen, STEPS } from '../../scripts/check/check.ts'
import { PROJECT_ROOT } from '../../scripts/topology/topology.ts'

const directory = join(PROJECT_ROOT, '.github/workflows')
const files = readdirSync(directory)
const textOf = (file: string) => readFileSync(join(directory, file), 'utf8')

const step = z.object({
  name: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  env: z.record(z.string(), z.string()).optional(),
})
const job = z.object({
  if: z.string().optional(),
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  permissions: z.record(z.string(), z.string()).optional(),
  environment: z.string().optional(),
  concurrency: z.object({ group: z.string(), 'cancel-in-progress': z.literal(false) }).optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  outputs: z.record(z.string(), z.string()).optional(),
  strategy: z.object({ matrix: z.record(z.string(), z.array(z.string())) }).optional(),
  steps: z.array(step).default([]),
})
const workflow = z.object({ permissions: z.record(z.string(), z.string()), jobs: z.record(z.string(), job) })
const read = (file: string) => workflow.parse(parse(textOf(file)))

/** Every job with the permissions that it has, its own or its workflow's. */
const jobs = files.flatMap((file) => {
  const { permissions, jobs } = read(file)
  return Object.entries(jobs).map(([name, one]) => ({
    file,
    name,
    ...one,
    permissions: one.permissions ?? permissions,
  }))
})
const mayBecomeAnAccount = jobs.filter(({ permissions }) => permissions['id-token'] === 'write')

it.each(files)('%s runs only actions that are pinned to a commit', (file) => {
  for (const { steps } of Object.values(read(file).jobs)) {
    for (const { uses } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
    }
  }
})

it('runs only actions for node24, since runners give up node20', () => {
  // From `runs.using` of each action.yml at that commit.
  const onNode24 = [
    'actions/checkout@d23441a48e516b6c34aea4fa41551a30e30af803', // v6.1.0
    'actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c', // v8.0.1
    'actions/setup-node@48b55a011bda9f5d6aeb4c2d9c7362e8dae4041e', // v6.4.0
    'actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f', // v7.0.0
    'google-github-actions/auth@7c6bc770dae815cd3e89ee6cdf493a5fab2cc093', // v3.0.0
    'hashicorp/setup-terraform@dfe3c3f87815947d99a8997f908cb6525fc44e9e', // v4.0.1
  ]
  const used = jobs.flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []))
  expect([...new Set(used)].sort()).toEqual(onNode24)
})

it.each(files)('%s signs in without a key', (file) => {
  expect(textOf(file)).not.toMatch(/credentials_json|secrets\./)
})

it('tests may do nothing but read', () => {
  expect(read('test.yml').permissions).toEqual({ contents: 'read' })
  expect(textOf('test.yml')).not.toContain('id-token')
})

it('no job that may become an account installs a package or builds', () => {
  expect(mayBecomeAnAccount.map(({ file, name }) => `${file} ${name}`)).toEqual([
    'deploy.yml plan',
    'deploy.yml dev',
    'deploy.yml staging',
    'deploy.yml prod',
    'roll-back.yml roll-back',
    'stage.yml plan',
    'stage.yml apply',
    'stage.yml watch',
  ])
  for (const { steps } of mayBecomeAnAccount) {
    for (const { run = '' } of steps) expect(run).not.toMatch(/\b(npm|npx|yarn|pnpm|pip)\b/)
  }
})

it('no input of a run is pasted into a script, where it could be a command', () => {
  for (const { steps } of jobs) for (const { run = '' } of steps) expect(run).not.toContain('${' + '{')
})

it('bundles are built without an account and without scripts of packages', () => {
  const { build } = read('deploy.yml').jobs
  expect(build?.environment).toBeUndefined()
  expect(jobs.find(({ file, name }) => file === 'deploy.yml' && name === 'build')?.permissions).toEqual({
    contents: 'read',
  })
  const runs = (build?.steps ?? []).flatMap(({ run }) => run ?? [])
  expect(runs.filter((run) => run.includes('npm'))).toEqual(['npm ci --ignore-scripts', 'npm run build'])
})

it('tests run what a person and .ci/run do: the one list of checks, and what needs Terraform', () => {
  const runs = Object.values(read('test.yml').jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''))
  expect(runs.filter((run) => run.startsWith('npm'))).toEqual(['npm ci', 'npm run check'])
  expect(runs.join('\n')).toMatch(/terraform -chdir=terraform test/)
  expect(runs.join('\n')).toMatch(/terraform -chdir=terraform\/bootstrap test/)
  const ci = readFileSync(join(PROJECT_ROOT, '.ci/run'), 'utf8')
  expect(ci.match(/^(?:npm|node) .*/gm)).toEqual(['npm ci', 'npm run check'])
})

it('the list of checks has every script that checks something', () => {
  const commands = STEPS.flatMap(({ commands }) => commands).join('\n')
  for (const script of ['lint', 'typecheck', 'build', 'test', 'coverage', 'schemas', 'settings', 'start', 'chaos']) {
    expect(commands).toMatch(new RegExp(`npm (run )?${script}\\b`))
  }
  expect(chosen([])).toBe(STEPS)
  expect(chosen(['types', 'lint'])).toMatchObject([{ name: 'lint' }, { name: 'types' }])
  expect(chosen(['lnt'])).toContain('there is no step lnt')
})

it('a pull request of this repository plans dev and staging, applies nothing, and asks for nothing of prod', () => {
  const { plan } = read('deploy.yml').jobs
  expect(plan?.if).toBe(
    "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository",
  )
  expect(plan?.strategy?.matrix.environment).toEqual(['dev', 'staging'])
  expect(plan?.with).toMatchObject({ apply: false })
})

it('main goes through dev, staging and prod, with the same bundles, and only after the tests', () => {
  const { dev, staging, prod } = read('deploy.yml').jobs
  expect([dev?.needs, staging?.needs, prod?.needs]).toEqual([
    ['build', 'test'],
    ['build', 'dev'],
    ['build', 'staging'],
  ])
  expect(dev?.if).toBe("github.event_name == 'push'")
  const sha256 = expect.stringMatching(/needs\.build\.outputs\.sha256/)
  for (const [environment, stage] of Object.entries({ dev, staging, prod })) {
    expect(stage?.uses).toBe('./.github/workflows/stage.yml')
    // One run at a time from plan to watch; a roll back waits for an apply at most.
    expect(stage?.concurrency?.group).toBe(`stage-${environment}`)
    expect(stage?.with).toEqual({ environment, 'bundles-sha256': sha256, apply: true })
  }
})

describe('a stage', () => {
  const { plan, apply, watch } = read('stage.yml').jobs
  const runs = (of: typeof plan) => (of?.steps ?? []).flatMap(({ run }) => run ?? [])

  it('plans with the account that can only read, and applies with the other, after its approval', () => {
    expect(
      [plan?.environment, apply?.environment, watch?.environment].map((text) => text?.replace(/.*\}/, 'NAME')),
    ).toEqual(['NAME-plan', 'NAME', 'NAME-plan'])
    expect([apply?.if, apply?.needs, watch?.needs]).toEqual(['inputs.apply', 'plan', ['plan', 'apply']])
  })

  it('applies the file that was shown for approval, and makes no plan of its own', () => {
    expect(
      runs(plan)
        .filter((run) => /terraform .* (plan|show)\b/.test(run))
        .join('\n'),
    ).toContain('show -no-color plan')
    expect(runs(apply).filter((run) => run.startsWith('terraform'))).toEqual([
      'terraform -chdir="$ROOT" init -input=false -lockfile=readonly',
      'terraform -chdir="$ROOT" apply -input=false plan',
    ])
    expect(plan?.outputs?.sha256).toContain('steps.pack.outputs.sha256')
    const unpack = apply?.steps.find(({ name }) => name === 'Unpack the approved plan')
    expect(unpack?.env?.PLAN_SHA256).toContain('needs.plan.outputs.sha256')
  })

  it('waits for the probe before it says that its bundles are good', () => {
    const names = (watch?.steps ?? []).flatMap(({ name }) => name ?? [])
    expect(names.indexOf('Wait for good rounds of the probe')).toBeLessThan(names.indexOf('Remember the bundles'))
    expect(runs(watch).join('\n')).toMatch(
      /await-probe\.ts --project "\$PROJECT" --name-prefix "\$\{PROBE_JOB%customerio-probe\}" --rounds "\$GOOD_ROUNDS"/,
    )
  })
})

it('the way back builds nothing: it names bundles that are in the bucket', () => {
  const { 'roll-back': back } = read('roll-back.yml').jobs
  expect(back?.with).toMatchObject({ apply: true, bundles: expect.stringContaining('inputs.bundles') })
  expect(back?.with).not.toHaveProperty('bundles-sha256')
  expect(back?.concurrency).toBeUndefined()
  expect(read('stage.yml').jobs.apply?.concurrency?.group).toMatch(/^apply-/)
  const unpacking = ['plan', 'apply'].flatMap((name) =>
    (read('stage.yml').jobs[name]?.steps ?? []).filter(
      ({ run, with: given }) => run?.includes('bundles.tar') || given?.name === 'bundles',
    ),
  )
  expect(unpacking).toHaveLength(4)
  for (const { if: when } of unpacking) expect(when).toBe("inputs.bundles-sha256 != ''")
})

/** The shell of the steps themselves, as GitHub runs it: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#exit-codes-and-error-action-preference */
describe('the steps, run', () => {
  const root = 'terraform/environments/dev'
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workflow-'))
    mkdirSync(join(folder, root), { recursive: true })
    mkdirSync(join(folder, 'dist/track'), { recursive: true })
    writeFileSync(join(folder, 'dist/track/index.js'), 'export {}')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function run(file: string, jobName: string, name: string, env: Record<string, string> = {}) {
    const script = read(file).jobs[jobName]?.steps.find((one) => one.name === name)?.run
    if (script === undefined) throw new Error(`${file}, ${jobName}: there is no step "${name}"`)
    const output = join(folder, 'output')
    writeFileSync(output, '')
    const { status, stdout } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: `${folder}/bin:${process.env.PATH}`,
        ROOT: root,
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: output,
        ...env,
      },
    })
    const outputs = Object.fromEntries(
      [...readFileSync(output, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]),
    )
    return { status, stdout, outputs }
  }

  it('hand over the bundles by their hash, the same for the same files, and take no others', () => {
    const { outputs } = run('deploy.yml', 'build', 'Pack the bundles')
    expect(outputs.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(run('deploy.yml', 'build', 'Pack the bundles').outputs).toEqual(outputs)
    for (const jobName of ['plan', 'apply']) {
      rmSync(join(folder, 'dist'), { recursive: true })
      expect(run('stage.yml', jobName, 'Unpack the bundles', { BUNDLES_SHA256: outputs.sha256 ?? '' }).status).toBe(0)
      expect(readFileSync(join(folder, 'dist/track/index.js'), 'utf8')).toBe('export {}')
    }
    writeFileSync(join(folder, 'dist/track/index.js'), 'export default "evil"')
    run('deploy.yml', 'build', 'Pack the bundles')
    rmSync(join(folder, 'dist'), { recursive: true })
    expect(run('stage.yml', 'apply', 'Unpack the bundles', { BUNDLES_SHA256: outputs.sha256 ?? '' }).status).toBe(1)
  })

  it('stop without a lock file, and say what to type', () => {
    const without = run('stage.yml', 'plan', 'The lock file is there')
    expect(without).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('terraform init && terraform providers lock'),
    })
    writeFileSync(join(folder, root, '.terraform.lock.hcl'), '')
    expect(run('stage.yml', 'plan', 'The lock file is there').status).toBe(0)
    expect(readFileSync(join(PROJECT_ROOT, '.gitignore'), 'utf8')).not.toContain('.terraform.lock')
  })

  it('apply no other plan than the one that was shown, and know its bundles and whether it has a probe', () => {
    const shown = {
      planned_values: {
        outputs: { bundles: { value: { track: 'abc' } } },
        root_module: {
          child_modules: [
            {
              resources: [
                { type: 'google_cloud_scheduler_job', values: { name: 'uk-customerio-probe' } },
                { type: 'google_pubsub_topic', values: { name: 'uk-track' } },
              ],
            },
          ],
        },
      },
    }
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin/terraform'), `#!/bin/sh\necho '${JSON.stringify(shown)}'\n`, { mode: 0o755 })
    writeFileSync(join(folder, root, 'plan'), 'the plan')
    const { status, outputs } = run('stage.yml', 'plan', 'Pack the plan')
    expect({ status, outputs }).toEqual({
      status: 0,
      outputs: {
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        bundles: '{"track":"abc"}',
        probe_job: 'uk-customerio-probe',
      },
    })
    writeFileSync(join(folder, root, 'plan'), 'left over')
    expect(run('stage.yml', 'apply', 'Unpack the approved plan', { PLAN_SHA256: outputs.sha256 ?? '' }).status).toBe(0)
    expect(readFileSync(join(folder, root, 'plan'), 'utf8')).toBe('the plan')
    writeFileSync(join(folder, root, 'plan'), 'another plan')
    run('stage.yml', 'plan', 'Pack the plan')
    expect(run('stage.yml', 'apply', 'Unpack the approved plan', { PLAN_SHA256: outputs.sha256 ?? '' }).status).toBe(1)
  })
})
