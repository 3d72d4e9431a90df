import type { Config } from 'jest'
import everything from '../../../jest.config.ts'

/** `npm run test:browser`: the console in a real browser, on one local stack that all suites share. */
const config: Config = {
  ...everything,
  rootDir: '../../..',
  roots: ['<rootDir>/scripts/console/browser'],
  testMatch: ['**/*.browser.ts'],
  globalSetup: '<rootDir>/scripts/console/browser/start.ts',
  globalTeardown: '<rootDir>/scripts/console/browser/end.ts',
  // One browser and one stack.
  maxWorkers: 1,
}

export default config
