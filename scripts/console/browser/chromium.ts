import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian, Ubuntu, Google's packages and macOS put the browser, after the folders of PATH. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
] as const

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const

/** There is no browser to test with. Its message says how to get one. */
export class NoBrowserError extends Error {
  constructor(what: string) {
    super(
      [
        `${what}: nothing of the console was tested in a browser.`,
        '  Debian, Ubuntu:  sudo apt-get install -y chromium',
        '  macOS:           brew install --cask google-chrome',
        '  elsewhere:       CHROME_PATH=/path/to/chrome npm run test:browser',
      ].join('\n'),
    )
    this.name = 'NoBrowserError'
  }
}

/**
 * The program that the browser tests drive: what `CHROME_PATH` names, or the first of the usual places.
 *
 * @throws {NoBrowserError} when there is none, or when `CHROME_PATH` names no program
 */
export function findChromium(env: NodeJS.ProcessEnv, isProgram: (path: string) => boolean = executable): string {
  const named = env.CHROME_PATH
  if (named) {
    if (isProgram(named)) return named
    throw new NoBrowserError(`CHROME_PATH names ${named}, which is no program`)
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES]
  const found = candidates.find(isProgram)
  if (found === undefined) throw new NoBrowserError('no Chromium or Chrome found')
  return found
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
