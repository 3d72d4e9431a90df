import type { Config } from 'jest'
import everything from '../../../jest.config.ts'

/** `npm run test:browser`: the console in a real browser, on one local stack that all suites share. */
const config: Config = {
  testEnvironment: 'node',
  ...(everything.transform && { transform: everything.transform }),
  ...(everything.setupFiles && { setupFiles: everything.setupFiles }),
  rootDir: '../../..',
  roots: ['<rootDir>/scripts/console/browser'],
  testMatch: ['**/*.browser.ts'],
  globalSetup: '<rootDir>/scripts/console/browser/start.ts',
  globalTeardown: '<rootDir>/scripts/console/browser/end.ts',
  // One browser and one stack.
  maxWorkers: 1,
  testTimeout: 60_000,
}

export default config
