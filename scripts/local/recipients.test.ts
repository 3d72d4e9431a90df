import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { recipientsOf } from './recipients.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'recipients-'))
  mkdirSync(join(root, 'qa'))
})
afterEach(() => rmSync(root, { recursive: true }))

function values(text: string): void {
  writeFileSync(join(root, 'qa', 'values.yaml'), `project_id: p\ncustomerio_region: eu\n${text}`)
}

it('takes the rules that Terraform deploys: anyone only in production', () => {
  expect(recipientsOf('prod', PROJECT_ROOT)).toBe('anyone')
  expect(JSON.parse(recipientsOf('dev', PROJECT_ROOT))).toMatchObject({ otherwise: 'hold' })
})

it('leaves out what the values say is null', () => {
  values(
    'recipients: { allow: ["@acme.com"], otherwise: redirect, redirect_to: { email: inbox@acme.com, phone: null } }',
  )
  expect(JSON.parse(recipientsOf('qa', root))).toEqual({
    ...{ allow: ['@acme.com'], otherwise: 'redirect', redirect_to: { email: 'inbox@acme.com' } },
  })
})

it('names the file and the field of a rule that does not hold', () => {
  values('recipients: { allow: ["acme"], otherwise: keep }')
  expect(() => recipientsOf('qa', root)).toThrow(
    /qa\/values\.yaml: recipients: allow\.0 must be .*; otherwise must be hold/,
  )
})

it.each(['', 'production: false'])('refuses an environment that names nobody: %j', (text) => {
  values(text)
  expect(() => recipientsOf('qa', root)).toThrow('recipients: allow')
})
