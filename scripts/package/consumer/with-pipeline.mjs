// Runs each of the commands that are its arguments in a pipeline of its own, and says what Customer.io received.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startLocalPipeline } from 'cio-gcp/testing'

const pipeline = await startLocalPipeline()
const run = promisify(execFile)
const outputs = await Promise.all(process.argv.slice(2).map((file) => run(process.execPath, [file])))
await pipeline.settled()
const received = (await pipeline.received()).map(({ kind, body }) => body.name ?? kind)
await pipeline.close()
console.log(JSON.stringify({ outputs: outputs.map(({ stdout }) => stdout.trim()), received }))
