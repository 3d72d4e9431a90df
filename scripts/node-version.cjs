// Ends with one clear line where Node is too old, before it stumbles over a file. Written for any Node that there is.
const { existsSync, readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')

let folder = __dirname
while (!existsSync(join(folder, 'terraform'))) folder = dirname(folder)
const needed = /\d+(\.\d+)?/.exec(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).engines.node)[0]
const [major, minor] = process.versions.node.split('.').map(Number)
const [neededMajor, neededMinor = 0] = needed.split('.').map(Number)

if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  console.error(
    `Node ${needed} or newer is needed, and this is ${process.versions.node}. Install it from https://nodejs.org. ` +
      'In a checkout on Linux or Windows, `npm ci` brings it for the npm scripts.',
  )
  process.exit(1)
}
