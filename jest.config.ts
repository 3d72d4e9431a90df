import { rmSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import type { Config } from 'jest'

const everything = process.argv.slice(2).every((argument) => argument.startsWith('-'))

// Workers and the processes that suites start load the same modules: the first to load one strips and compiles it for all.
// Without coverage, which counts no branches of what comes from the cache.
if (!process.argv.includes('--coverage')) {
  process.env.NODE_COMPILE_CACHE = join(import.meta.dirname, '.local', 'compile-cache')
  if (everything) rmSync(process.env.NODE_COMPILE_CACHE, { recursive: true, force: true })
  enableCompileCache()
}

const config: Config = {
  // Node runs the suites itself: it strips the types, and a worker loads each module once.
  testEnvironment: '<rootDir>/scripts/testing/jest/environment.ts',
  runtime: '<rootDir>/scripts/testing/jest/runtime.ts',
  testSequencer: '<rootDir>/scripts/testing/jest/sequencer.ts',
  transform: {},
  // One more than the cores of a small machine: some suites wait for servers and processes. Each worker loads every module, and
  // collects garbage less often with the young generation of package.json: together 8 % less CPU than four without.
  maxWorkers: 3,
  // A worker has loaded everything by then: on a busy machine its end takes longer than the usual half second.
  workerGracefulExitTimeout: 10_000,
  roots: ['<rootDir>/functions', '<rootDir>/shared', '<rootDir>/scripts', '<rootDir>/terraform'],
  testMatch: ['**/*.test.ts'],
  // `npm run test:long`.
  testPathIgnorePatterns: ['\\.long\\.test\\.ts$'],
  // One suite alone is sooner ready with what it needs.
  ...(everything && {
    globalSetup: '<rootDir>/scripts/testing/prepare.ts',
    globalTeardown: '<rootDir>/scripts/testing/end.ts',
  }),
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
