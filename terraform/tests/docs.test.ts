import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withInputsAndOutputs } from './docs.ts'
import { MODULE, readModule } from './hcl.ts'

const readme = () => readFileSync(join(MODULE, 'README.md'), 'utf8')

it('the README lists the inputs and outputs that the code has', async () => {
  expect(withInputsAndOutputs(readme(), await readModule(MODULE))).toBe(readme())
})

it('a change of the code shows', async () => {
  const { outputs } = await readModule(MODULE)
  const variables = new Map([['region', { type: 'string', description: 'Where.' }]])
  const renewed = withInputsAndOutputs(readme(), { variables, outputs })
  expect(renewed).toContain('| `region` | Where. | `string` | required |')
  expect(renewed).not.toContain('`project_id`')
})

it('refuses a README without the marks', () => {
  expect(() => withInputsAndOutputs('# Terraform', { variables: new Map(), outputs: new Map() })).toThrow(
    'lacks the lines',
  )
})

it('no document leads to a file that does not exist', () => {
  for (const document of globSync('**/*.md', { cwd: MODULE })) {
    const path = join(MODULE, document)
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (target.startsWith('http')) continue
      expect({ document, target, found: existsSync(join(dirname(path), target)) }).toMatchObject({ found: true })
    }
  }
})
