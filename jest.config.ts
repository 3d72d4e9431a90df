import type { Config } from 'jest'

/** A run of some of the tests cannot cover all of the code: only a whole one is held to the threshold. */
const everything = process.argv.slice(2).every((argument) => argument.startsWith('-'))

const config: Config = {
  testEnvironment: 'node',
  maxWorkers: 2,
  roots: ['<rootDir>/functions', '<rootDir>/shared', '<rootDir>/scripts', '<rootDir>/terraform'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  setupFiles: ['<rootDir>/scripts/testing/environment.ts'],
  // Some suites start processes and servers on real ports: the first one on a cold disk cache is slow.
  testTimeout: 60_000,
  collectCoverage: everything,
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
