import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { FirestoreServer } from '../index.ts'

const JAR = 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar'
const MAIN = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore'

/** Google's own Firestore emulator on this machine, if it is installed and there is a Java to run it. */
export function findGoogleEmulator(): string | undefined {
  if (printed('java', ['-version']) === undefined) return undefined
  const usual = [process.env.CLOUDSDK_ROOT_DIR, '/usr/lib/google-cloud-sdk', join(homedir(), 'google-cloud-sdk')]
  return usual.map(jarBelow).find((jar) => jar !== undefined) ?? jarBelow(sdkRoot())
}

/** By gcloud itself, which takes seconds. */
function sdkRoot(): string | undefined {
  return printed('gcloud', ['info', '--format=value(installation.sdk_root)'])?.trim()
}

function jarBelow(root: string | undefined): string | undefined {
  if (root === undefined) return undefined
  const jar = join(root, JAR)
  return existsSync(jar) ? jar : undefined
}

/** What the command prints; undefined when it cannot be run. */
function printed(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return undefined
  }
}

/** Runs the jar itself: through gcloud, a parent that is killed leaves the server behind. */
export async function startGoogleEmulator(jar: string): Promise<FirestoreServer> {
  const port = await freePort()
  const child = spawn('java', ['-Xmx256m', '-cp', jar, MAIN, 'start', '--host=127.0.0.1', `--port=${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', kill)
  await new Promise<void>((resolve, reject) => {
    let output = ''
    const listen = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('Dev App Server is now running')) resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Google's emulator ended with code ${code}: ${output}`)))
  })
  return {
    port,
    host: `127.0.0.1:${port}`,
    close: async () => {
      process.off('exit', kill)
      child.kill()
      await once(child, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
