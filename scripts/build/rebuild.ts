import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { context } from 'esbuild'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { bundleOptions, writeBundle, writePackage } from './build.ts'
import type { LockFile } from './lock.ts'

/** A function that is built again and again, sooner after the first time. */
export interface FunctionBuild {
  readonly name: string
  /**
   * Builds it into a folder, which is made. Rejects with esbuild's words when a source is broken.
   *
   * @returns the files it is made of, as paths from the sources' folder
   */
  into(outDir: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** @param root folder that holds `functions/<name>/index.ts` */
export async function openFunctionBuild(name: string, root: string = PROJECT_ROOT): Promise<FunctionBuild> {
  const lockFile: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  const entry = join(root, 'functions', name, 'index.ts')
  const building = await context({ ...bundleOptions(entry, { root }), logLevel: 'silent' })
  return {
    name,
    async into(outDir) {
      const { outputFiles, metafile } = await building.rebuild()
      await writeBundle(outputFiles, outDir, root)
      await writePackage(name, outDir, { lockFile, plain: false })
      return Object.keys(metafile.inputs)
    },
    close: () => building.dispose(),
  }
}
