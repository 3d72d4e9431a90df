import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { chosen, STEPS } from '../../scripts/check/check.ts'
import { PROJECT_ROOT } from '../../scripts/topology/topology.ts'

const directory = join(PROJECT_ROOT, '.github/workflows')
const files = readdirSync(directory)
const textOf = (file: string) => readFileSync(join(directory, file), 'utf8')

const workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.object({
      if: z.string().optional(),
      needs: z.union([z.string(), z.array(z.string())]).optional(),
      environment: z.string().optional(),
      uses: z.string().optional(),
      with: z.record(z.string(), z.unknown()).optional(),
      strategy: z.object({ matrix: z.record(z.string(), z.array(z.string())) }).optional(),
      steps: z.array(z.object({ uses: z.string().optional(), run: z.string().optional() })).optional(),
    }),
  ),
})
const read = (file: string) => workflow.parse(parse(textOf(file)))

it.each(files)('%s runs only actions that are pinned to a commit', (file) => {
  for (const job of Object.values(read(file).jobs)) {
    for (const { uses } of job.steps ?? []) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
    }
  }
})

it.each(files)('%s signs in without a key', (file) => {
  expect(textOf(file)).not.toMatch(/credentials_json|secrets\./)
})

it('nothing is planned with providers that no committed lock file names', () => {
  const runs = Object.values(read('terraform.yml').jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run ?? ''))
  const guard = runs.findIndex((run) => run.includes('.terraform.lock.hcl" ] ||') && run.includes('exit 1'))
  const init = runs.findIndex((run) => /terraform .* init .*-lockfile=readonly/.test(run))
  expect([guard >= 0, guard < init]).toEqual([true, true])
  expect(readFileSync(join(PROJECT_ROOT, '.gitignore'), 'utf8')).not.toContain('.terraform.lock')
})

it('tests may do nothing but read', () => {
  expect(read('test.yml').permissions).toEqual({ contents: 'read' })
  expect(textOf('test.yml')).not.toContain('id-token')
})

it('tests run what a person and .ci/run do: the one list of checks, and what needs Terraform', () => {
  const runs = Object.values(read('test.yml').jobs).flatMap((job) => (job.steps ?? []).map(({ run }) => run ?? ''))
  expect(runs.filter((run) => run.startsWith('npm'))).toEqual(['npm ci', 'npm run check'])
  expect(runs.join('\n')).toMatch(/terraform -chdir=terraform test/)
  const ci = readFileSync(join(PROJECT_ROOT, '.ci/run'), 'utf8')
  expect(ci.match(/^(?:npm|node) .*/gm)).toEqual(['npm ci', 'npm run check'])
})

it('the list of checks has every script that checks something', () => {
  const commands = STEPS.flatMap((step) => step.commands).join('\n')
  for (const script of ['lint', 'typecheck', 'build', 'test', 'coverage', 'schemas', 'settings', 'start', 'chaos']) {
    expect(commands).toMatch(new RegExp(`npm (run )?${script}\\b`))
  }
  expect(chosen([])).toBe(STEPS)
  expect(chosen(['types', 'lint'])).toMatchObject([{ name: 'lint' }, { name: 'types' }])
  expect(chosen(['lnt'])).toContain('there is no step lnt')
})

it('a pull request of this repository, and main, plan every environment and apply none', () => {
  const { plan } = read('deploy.yml').jobs
  const environments = readdirSync(join(PROJECT_ROOT, 'terraform/environments'))
  expect(plan?.if).toBe(
    "github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository",
  )
  expect([...(plan?.strategy?.matrix.environment ?? [])].sort()).toEqual(environments.sort())
  expect(plan?.with).toMatchObject({ apply: false, 'github-environment': expect.stringMatching(/-plan$/) })
})

it('main applies dev, then staging, then prod, each in its own GitHub environment, and nothing that fails its tests or plan', () => {
  const { test, dev, staging, prod } = read('deploy.yml').jobs
  expect(test).toMatchObject({ if: "github.event_name == 'push'", uses: './.github/workflows/test.yml' })
  expect([dev?.needs, staging?.needs, prod?.needs]).toEqual([['plan', 'test'], 'dev', 'staging'])
  for (const [name, job] of Object.entries({ dev, staging, prod })) {
    expect(job?.with).toEqual({ environment: name, 'github-environment': name, apply: true })
  }
})
