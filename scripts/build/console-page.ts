import { join } from 'node:path'
import { build } from 'esbuild'
import { PROJECT_ROOT } from '../topology/topology.ts'

/** Bundles the console's page, in memory: a script and a style sheet. */
export async function bundlePage(): Promise<{ readonly script: string; readonly style: string }> {
  const { outputFiles } = await build({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: { page: join(PROJECT_ROOT, 'scripts/console/page/main.ts') },
    outdir: '/',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome123', 'firefox120', 'safari17.5'], // the first with light-dark()
    logLevel: 'warning',
  })
  const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  return { script: textOf('.js'), style: textOf('.css') }
}
