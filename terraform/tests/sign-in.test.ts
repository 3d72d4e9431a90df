import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { MODULE } from './hcl.ts'

/**
 * The conditions of sign-in.tftest.hcl, which Terraform holds against the code, tried with the claims of GitHub's tokens. This
 * part of CEL (strings, ==, &&, ||) is JavaScript too.
 */

const source = readFileSync(join(MODULE, 'bootstrap/tests/sign-in.tftest.hcl'), 'utf8')
const [prod = '', dev = '', two = ''] = [...source.matchAll(/attribute_condition == ("(?:[^"\\]|\\.)*")$/gm)].map(
  ([, text = '']): string => JSON.parse(text),
)

/** https://docs.github.com/en/actions/reference/security/oidc */
const main = {
  repository_id: '123456789',
  repository: 'acme/customerio-gcp',
  ref: 'refs/heads/main',
  event_name: 'push',
  environment: 'prod',
}
const pullRequest = { ...main, ref: 'refs/pull/7/merge', event_name: 'pull_request' }

it.each([
  ['main, for its environments', prod, main, true],
  ['main, to plan', prod, { ...main, environment: 'prod-plan' }, true],
  ['a pull request, to plan prod', prod, { ...pullRequest, environment: 'prod-plan' }, false],
  ['a pull request, to apply', prod, pullRequest, false],
  ['another branch', prod, { ...main, ref: 'refs/heads/mine' }, false],
  ['a tag that is called main', prod, { ...main, ref: 'refs/tags/main' }, false],
  ['a repository that has taken over the name', prod, { ...main, repository_id: '987654321' }, false],
  ['a pull request, to plan dev', dev, { ...pullRequest, environment: 'dev-plan' }, true],
  ['a pull request, to apply to dev', dev, { ...pullRequest, environment: 'dev' }, false],
  ['a pull request of another repository', dev, { ...pullRequest, environment: 'dev-plan', repository_id: '5' }, false],
  ['a branch, to plan dev', dev, { ...main, ref: 'refs/heads/mine', environment: 'dev-plan' }, false],
  ['a pull request, to plan either of two', two, { ...pullRequest, environment: 'dev-plan' }, true],
  ['a pull request, to plan the other of two', two, { ...pullRequest, environment: 'dev-uk-plan' }, true],
  ['a pull request, to apply to the other of two', two, { ...pullRequest, environment: 'dev-uk' }, false],
])('%s', (_who, condition, assertion, allowed) => {
  expect(condition).not.toBe('')
  expect(runInNewContext(condition, { assertion })).toBe(allowed)
})
