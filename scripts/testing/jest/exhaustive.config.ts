import type { Config } from 'jest'
import everything from '../../../jest.config.ts'

/** `npm run test:exhaustive`: what takes minutes since it leaves no case out. They start no functions. */
const config: Config = {
  ...everything,
  rootDir: '../../..',
  testMatch: ['**/*.exhaustive.test.ts'],
  testPathIgnorePatterns: [],
  globalSetup: undefined,
}

export default config
