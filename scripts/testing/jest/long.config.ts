import type { Config } from 'jest'
import everything from '../../../jest.config.ts'

/** `npm run test:long`: what is too long for `npm test`. `npm run check` runs both. */
const config: Config = {
  ...everything,
  rootDir: '../../..',
  testMatch: ['**/*.long.test.ts'],
  testPathIgnorePatterns: [],
}

export default config
