import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from '../topology/topology.ts'

/** What a figure depends on besides the code. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly versions: Readonly<Record<string, string>>
  /** The commit that was measured, with `+` when there were changes on top of it. */
  readonly commit: string
}

const VERSIONS = [
  '@google-cloud/functions-framework',
  '@google-cloud/pubsub',
  '@google-cloud/bigquery',
  'customerio-node',
  'zod',
]

export function describeMachine(): Machine {
  const { dependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')))
  const changed = git('status', '--porcelain', '--', 'functions', 'shared') === '' ? '' : '+'
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1_024 ** 3),
    kernel: release(),
    node: process.version,
    versions: Object.fromEntries(VERSIONS.map((name) => [name, dependencies[name] ?? ''])),
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed}`,
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: PROJECT_ROOT, encoding: 'utf8' }).trim()
}
