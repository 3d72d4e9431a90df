#!/usr/bin/env node
// The command `cio-gcp`, of a checkout and of the package.
import '../node-version.cjs'

await import('./cio.ts')
