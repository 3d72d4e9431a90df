import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { buildFunctions } from '../../build/build.ts'

/** The handlers that the functions are compared with. */
export const BASELINES = ['empty', 'read-body', 'sdk-call', 'insert-row'] as const
export type Baseline = (typeof BASELINES)[number]

/** What `track` writes of a message, besides the line that is deployed. */
export const LINES = ['short-line', 'no-line'] as const
export type Line = (typeof LINES)[number]

/** The Google clients are CommonJS and look for names that an ES module does not have. */
const COMMONJS_NAMES = [
  "import { createRequire } from 'node:module'",
  'const require = createRequire(import.meta.url)',
  'const { filename: __filename, dirname: __dirname } = import.meta',
].join(';')

/** Bundles the functions as they are deployed, and the baselines in the same way, so that neither is ahead at a cold start. */
export async function buildAll(directory: string): Promise<void> {
  await buildFunctions(join(directory, 'functions'))
  const outdir = join(directory, 'baselines')
  await rm(outdir, { recursive: true, force: true })
  await Promise.all(BASELINES.map((name) => buildBaseline(name, join(outdir, name))))
  await Promise.all(
    LINES.map((line) => buildFunctions(join(directory, line), ['track'], { plugins: [withLine(line)] })),
  )
}

const withLine = (line: Line): Plugin => ({
  name: line,
  setup: ({ onLoad }) =>
    onLoad({ filter: /shared\/delivery\/message-line\.ts$/ }, async () => ({
      contents: await readFile(join(import.meta.dirname, '..', 'baselines', `${line}.ts`), 'utf8'),
      loader: 'ts',
    })),
})

async function buildBaseline(name: Baseline, outdir: string): Promise<void> {
  await build({
    entryPoints: { index: join(import.meta.dirname, '..', 'baselines', `${name}.ts`) },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: COMMONJS_NAMES },
    external: ['@google-cloud/functions-framework'],
    logLevel: 'warning',
  })
  await writeFile(join(outdir, 'package.json'), JSON.stringify({ name, main: 'index.js', type: 'module' }))
}
