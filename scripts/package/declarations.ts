import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The files that a declaration names. */
const IMPORTED = /(?<=(?:from|import\(|import) ?['"])(\.{1,2}\/[^'"]+)\.ts(?=['"])/g

/**
 * Writes the types of the entries, and of what they refer to and nothing else, into each of the folders. The text is the
 * same for ES modules and CommonJS: which of the two it describes is said by the folder's own package.json.
 */
export async function declare(root: string, entries: readonly string[], outDirs: readonly string[]): Promise<void> {
  await mkdir(join(root, '.local'), { recursive: true })
  const folder = await mkdtemp(join(root, '.local', 'types-'))
  try {
    const config = join(folder, 'tsconfig.json')
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      // `npm run typecheck` does: the declarations are the same, and it takes a quarter of the time.
      noCheck: true,
      rootDir: root,
      outDir: join(folder, 'out'),
      types: ['node'],
    }
    const files = entries.map((entry) => join(root, entry))
    const extended = join(root, 'tsconfig.json')
    await writeFile(config, JSON.stringify({ extends: extended, compilerOptions, files, include: [] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    await run(process.execPath, [tsc, '-p', config, '--singleThreaded'], { cwd: root }).catch(
      (error: Error & { stdout?: string }) => {
        throw new Error(`the types of the package cannot be written:\n${error.stdout ?? ''}`, { cause: error })
      },
    )
    await copyReferred(join(folder, 'out'), entries, outDirs)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function copyReferred(from: string, entries: readonly string[], outDirs: readonly string[]): Promise<void> {
  const waiting = [...entries]
  const seen = new Set(waiting)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const declaration = file.replace(/\.ts$/, '.d.ts')
    const text = await readFile(join(from, declaration), 'utf8')
    for (const [, path = ''] of text.matchAll(IMPORTED)) {
      const referred = posix.join(posix.dirname(file), `${path}.ts`)
      if (!seen.has(referred)) waiting.push(referred)
      seen.add(referred)
    }
    for (const outDir of outDirs) {
      await mkdir(dirname(join(outDir, declaration)), { recursive: true })
      await writeFile(join(outDir, declaration), text.replaceAll(IMPORTED, '$1.js'))
    }
  }
}
