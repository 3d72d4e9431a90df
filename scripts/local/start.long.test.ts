import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'

it('runs the whole pipeline once, finds everything as it should be, and exits with 0', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['scripts/local/start.ts', '--once', '--port', 'all=0', '--directory', '.local/test'],
    {
      cwd: PROJECT_ROOT,
      env: { ...process.env, NO_COLOR: '1' },
    },
  )
  expect(stdout).toContain('Everything is as it should be.')
  expect(stdout).toMatch(/an e-mail with an attachment +delivered\n/)
  expect(stdout).toMatch(/an event while Customer\.io answers 503 +delivered {2}at attempt 2/)
  expect(stdout).toContain('contract: attributes.plan: 1203 bytes, at most 1000')
  expect(stdout).toContain('The probe found 9 links intact.')
  // Nothing goes wrong in the sample that these two would show.
  const empty = ['unsettled_sends', 'sends_without_outcome']
  for (const view of Object.keys(readTopology().bigquery.views).filter((name) => !empty.includes(name)))
    expect(stdout).toMatch(new RegExp(`[1-9]\\d* +${view}`))
  const [, opened = '', settled = ''] = stdout.split('The journey of a send that was ')
  expect(opened).toMatch(/published to transactional.*ledger +sent, as delivery.*accepted by Customer\.io.*\bopened\n/s)
  expect(opened).toMatch(/\n {2}accepted by Customer\.io; then sent, delivered, opened\n/)
  expect(settled).toMatch(
    /no complete answer.*reason uncertain.*published again to transactional.*an operator settled it as not sent.*accepted by/s,
  )
  // It would point at a stack that is no more.
  expect(existsSync(join(PROJECT_ROOT, '.local/test/endpoints.json'))).toBe(false)
}, 90_000)

it('explains itself', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/local/start.ts', '--help'], {
    cwd: PROJECT_ROOT,
  })
  expect(stdout).toContain('--once')
})
