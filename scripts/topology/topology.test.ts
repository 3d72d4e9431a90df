import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROJECT_ROOT, readTopology } from './topology.ts'

it('is the same object as long as pipeline.yaml says the same, and another once it changes', async () => {
  const root = await mkdtemp(join(tmpdir(), 'topology-'))
  try {
    const text = await readFile(join(PROJECT_ROOT, 'terraform/pipeline.yaml'), 'utf8')
    const file = join(root, 'terraform/pipeline.yaml')
    await mkdir(join(root, 'terraform'))
    await writeFile(file, text)
    const first = readTopology(root)
    expect(readTopology(root)).toBe(first)
    await writeFile(file, text.replace(/ttl_days: \d+/, 'ttl_days: 1234'))
    expect(readTopology(root).ledger.ttl_days).toBe(1234)
    await writeFile(file, 'ledger: {}')
    expect(() => readTopology(root)).toThrow('ledger')
  } finally {
    await rm(root, { recursive: true })
  }
})
