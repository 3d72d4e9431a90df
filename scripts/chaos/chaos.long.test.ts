import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PROJECT_ROOT } from '../topology/topology.ts'

const SECONDS = 6

it('loses nothing and sends nothing twice, whatever fails around the functions', async () => {
  const chaos = spawn(process.execPath, ['scripts/chaos/chaos.ts', '--seed', '7', '--seconds', String(SECONDS)], {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH, TEST_BUNDLES: process.env.TEST_BUNDLES },
  })
  let output = ''
  for (const stream of [chaos.stdout, chaos.stderr]) stream.on('data', (chunk) => (output += chunk))
  const [exitCode] = await once(chaos, 'exit')
  const summary = output.slice(output.indexOf('faults '))
  expect({ exitCode, summary }).toEqual({
    exitCode: 0,
    summary: expect.stringMatching(
      /^record: [1-9]\d* rows agree, none missing.*^pause of [a-z-]+, \d\.\d s: [1-9]\d* messages waited, nothing sent for [1-9].*^accepted$.*^lost 0, duplicated 0/ms,
    ),
  })
}, 120_000)
