import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../emulators/ports.ts'

/** One of Google's own emulators: where its jar is below a gcloud SDK, and how it is run. */
interface Emulator {
  readonly jar: string
  javaArguments(jar: string, port: number): readonly string[]
  /** What it prints once it listens. */
  readonly ready: string
}

export const PUBSUB_EMULATOR: Emulator = {
  jar: 'platform/pubsub-emulator/lib/*.jar',
  javaArguments: (jar, port) => ['-jar', jar, '--host=127.0.0.1', `--port=${port}`],
  ready: 'Server started, listening',
}

export const FIRESTORE_EMULATOR: Emulator = {
  jar: 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar',
  javaArguments: (jar, port) => [
    '-cp',
    jar,
    'com.google.cloud.datastore.emulator.firestore.CloudFirestore',
    'start',
    '--host=127.0.0.1',
    `--port=${port}`,
  ],
  ready: 'Dev App Server is now running',
}

const USUAL_SDK_ROOTS = [
  process.env.CLOUDSDK_ROOT_DIR,
  '/usr/lib/google-cloud-sdk',
  '/usr/local/google-cloud-sdk',
  '/opt/google-cloud-sdk',
  '/opt/homebrew/share/google-cloud-sdk',
  '/snap/google-cloud-cli/current',
  join(homedir(), 'google-cloud-sdk'),
]

/** The emulator's jar, if it is on this machine and there is a Java to run it. */
export function findGoogleEmulator(emulator: Emulator): string | undefined {
  if (printed('java', ['-version']) === undefined) return undefined
  for (const root of USUAL_SDK_ROOTS) {
    const jar = jarBelow(root, emulator)
    if (jar !== undefined) return jar
  }
  // Asking gcloud itself takes seconds.
  return jarBelow(printed('gcloud', ['info', '--format=value(installation.sdk_root)'])?.trim(), emulator)
}

function jarBelow(sdkRoot: string | undefined, { jar }: Emulator): string | undefined {
  return sdkRoot === undefined ? undefined : globSync(join(sdkRoot, jar)).at(0)
}

/** What the command prints; undefined when it cannot be run. */
function printed(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return undefined
  }
}

export interface RunningEmulator {
  readonly port: number
  readonly host: string
  close(): Promise<void>
}

/** It lives for seconds, in which optimizing its code never pays. */
const SHORT_LIVED = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

/** Runs the jar itself: through gcloud, a parent that is killed leaves the server behind. */
export async function startGoogleEmulator(emulator: Emulator, jar: string): Promise<RunningEmulator> {
  const port = await freePort()
  const child = spawn('java', [...SHORT_LIVED, ...emulator.javaArguments(jar, port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  await new Promise<void>((resolve, reject) => {
    let output = ''
    const listen = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(emulator.ready)) resolve()
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
