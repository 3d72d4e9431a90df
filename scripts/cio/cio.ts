import { enableCompileCache } from 'node:module'

// A third of a second less each time: the Google libraries are compiled once.
enableCompileCache()
const { MissingPeersError, requirePeers } = await import('../package/peers.ts')
try {
  requirePeers('command', 'cio-gcp')
} catch (error) {
  if (!(error instanceof MissingPeersError)) throw error
  console.error(error.message)
  process.exit(1)
}
const { run } = await import('./program.ts')
// `cio-gcp … | head` and a closed terminal end the reading, not the work: what was begun comes to its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  })
}
process.exitCode = await run(process.argv.slice(2), process)
