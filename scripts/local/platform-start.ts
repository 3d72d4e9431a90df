import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The command line of the functions framework as it is published: what `npx functions-framework` runs. */
const FRAMEWORK = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')), 'main.js')

/** How a process of a function is started. */
export interface PlatformStart {
  readonly main: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * Starts a built function as Google's buildpack does: `node_modules/.bin/functions-framework` in the folder of the function,
 * told by the environment what to serve. Where the bundle brings its own framework (scripts/build), that is the file which
 * an install links there; where it does not, it is the framework of this project.
 *
 * @param folder an absolute path
 */
export function platformStart(folder: string, target: string, port: number): PlatformStart {
  const own = join(folder, 'functions-framework', 'main.mjs')
  return {
    main: existsSync(own) ? own : FRAMEWORK,
    cwd: folder,
    env: { FUNCTION_TARGET: target, FUNCTION_SIGNATURE_TYPE: 'http', PORT: String(port) },
  }
}
