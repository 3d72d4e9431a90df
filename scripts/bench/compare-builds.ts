import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { told } from './figures/figure.ts'
import { median } from './statistics.ts'

/**
 * `node scripts/bench/compare-builds.ts TREE`: builds every function of another work tree, which has its packages installed, and
 * of this one, in turn. Tells the time of each build, and the size of each bundle without its maps and its bill of materials.
 */
const ROUNDS = 5

const [other] = process.argv.slice(2)
if (other === undefined) throw new Error('usage: node scripts/bench/compare-builds.ts TREE')

const out = mkdtempSync(join(tmpdir(), 'bench-builds-'))
const built = { other: join(out, 'other'), this: join(out, 'this') }
const seconds: Record<keyof typeof built, number[]> = { other: [], this: [] }
try {
  for (let round = 0; round < ROUNDS; round++) {
    seconds.other.push(build(other, built.other))
    seconds.this.push(build(PROJECT_ROOT, built.this))
  }
  const [before, after] = [median(seconds.other), median(seconds.this)]
  console.log(`npm run build: ${told(before)} s, ${told(after)} s, ${told(after / before)} ×`)
  for (const name of readdirSync(built.this)) {
    const [old, now] = [codeBytes(join(built.other, name)), codeBytes(join(built.this, name))]
    console.log(`${name}: ${kilobytes(old)}, ${kilobytes(now)}, ${old === 0 ? 'new' : `${told(now / old)} ×`}`)
  }
} finally {
  rmSync(out, { recursive: true })
}

/** Seconds that it took. */
function build(tree: string, folder: string): number {
  const startedMs = performance.now()
  const { status } = spawnSync(process.execPath, ['scripts/build/build.ts', folder], { cwd: tree, stdio: 'inherit' })
  if (status !== 0) throw new Error(`the build of ${tree} failed`)
  return (performance.now() - startedMs) / 1_000
}

/** 0 where there is no such bundle. */
function codeBytes(folder: string): number {
  if (!existsSync(folder)) return 0
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.m?js$/.test(file))
  return files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
}

function kilobytes(bytes: number): string {
  return `${told(bytes / 1_000)} kB`
}
