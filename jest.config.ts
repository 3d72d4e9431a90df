import type { Config } from 'jest'

const everything = process.argv.slice(2).every((argument) => argument.startsWith('-'))

const config: Config = {
  testEnvironment: 'node',
  // One more than the cores of a small machine: some suites mostly wait for servers and processes.
  maxWorkers: 3,
  roots: ['<rootDir>/functions', '<rootDir>/shared', '<rootDir>/scripts', '<rootDir>/terraform'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // One suite alone is sooner ready with the bundles that it needs.
  ...(everything && { globalSetup: '<rootDir>/scripts/testing/bundles.ts' }),
  setupFiles: ['<rootDir>/scripts/testing/environment.ts'],
  // Some suites start processes and servers on real ports: the first one on a cold disk cache is slow.
  testTimeout: 60_000,
  // `npm run coverage`, apart from `npm test`: it takes twice as long.
  coverageProvider: 'v8',
  collectCoverageFrom: [
    'functions/**/*.ts',
    'shared/**/*.ts',
    '!**/*.test.ts',
    '!**/testing.ts',
    '!**/testing/**',
    '!**/simulation/**',
  ],
  coverageReporters: ['text-summary', 'lcovonly'],
  coverageThreshold: { global: { lines: 95, branches: 95 } },
}

export default config
