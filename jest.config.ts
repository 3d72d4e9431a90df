import { join } from 'node:path'
import type { Config } from 'jest'

const everything = process.argv.slice(2).every((argument) => argument.startsWith('-'))

// A suite's processes load the same files over and over: from their second start on, Node neither strips nor compiles them.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '.local', 'compile-cache')

const config: Config = {
  testEnvironment: '<rootDir>/scripts/testing/jest/environment.ts',
  runtime: '<rootDir>/scripts/testing/jest/runtime.ts',
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
