import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type handleUnaryCall, Server, ServerCredentials, type ServiceDefinition, status } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { z } from 'zod'

interface Version {
  readonly value: Buffer
  readonly createdAtMs: number
  state: 'ENABLED' | 'DISABLED'
}

export interface SecretManagerOptions {
  /** 0 for any free one. */
  readonly port: number
  /** Secrets that Terraform would have made, by `projects/<project>/secrets/<id>`, each with its first value. */
  readonly secrets: Readonly<Record<string, string>>
  readonly now?: () => number
  /** For so many reads after an addition `latest` is still the version before, as in the cloud for a moment. */
  readonly staleReads?: number
}

export interface SecretManagerServer {
  readonly port: number
  /** For SECRET_MANAGER_EMULATOR_HOST, which `cio` knows. */
  readonly host: string
  /** Versions of a secret, oldest first. */
  versions(secret: string): readonly { readonly value: string; readonly state: string }[]
  close(): Promise<void>
}

const addSchema = z.object({ parent: z.string(), payload: z.object({ data: z.instanceof(Buffer) }) })
const nameSchema = z.object({ name: z.string() })
const listSchema = z.object({ parent: z.string() })

class Refusal extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** The part of Secret Manager that the command line uses, for the real client: versions of secrets that are there. */
export async function startSecretManager(options: SecretManagerOptions): Promise<SecretManagerServer> {
  const { now = Date.now } = options
  let staleReads = 0
  const secrets = new Map<string, Version[]>(
    Object.entries(options.secrets).map(([name, value]) => [
      name,
      [{ value: Buffer.from(value), createdAtMs: now(), state: 'ENABLED' }],
    ]),
  )

  function versionsOf(secret: string): Version[] {
    const versions = secrets.get(secret)
    if (versions === undefined) throw new Refusal(status.NOT_FOUND, `Secret [${secret}] not found.`)
    return versions
  }

  /** Number and version of `…/versions/latest` or `…/versions/3`. */
  function find(path: string): { readonly name: string; readonly version: Version } {
    const [secret = '', wanted = ''] = path.split('/versions/')
    const versions = versionsOf(secret)
    let number = wanted === 'latest' ? versions.length : Number(wanted)
    if (wanted === 'latest' && staleReads > 0 && versions.length > 1) {
      staleReads -= 1
      number -= 1
    }
    const version = versions[number - 1]
    if (version === undefined) throw new Refusal(status.NOT_FOUND, `Secret Version [${path}] not found.`)
    return { name: `${secret}/versions/${number}`, version }
  }

  const resource = (name: string, { state, createdAtMs }: Version) => ({
    name,
    state,
    createTime: { seconds: Math.floor(createdAtMs / 1_000), nanos: 0 },
  })

  const server = new Server()
  server.addService(secretManagerService(), {
    AccessSecretVersion: unary((request) => {
      const { name, version } = find(nameSchema.parse(request).name)
      if (version.state !== 'ENABLED') throw new Refusal(status.FAILED_PRECONDITION, `${name} is in DISABLED state.`)
      return { name, payload: { data: version.value } }
    }),
    AddSecretVersion: unary((request) => {
      const { parent, payload } = addSchema.parse(request)
      const versions = versionsOf(parent)
      const version: Version = { value: payload.data, createdAtMs: now(), state: 'ENABLED' }
      versions.push(version)
      staleReads = options.staleReads ?? 0
      return resource(`${parent}/versions/${versions.length}`, version)
    }),
    ListSecretVersions: unary((request) => {
      const { parent } = listSchema.parse(request)
      const versions = versionsOf(parent).map((version, index) => resource(`${parent}/versions/${index + 1}`, version))
      return { versions: versions.reverse(), totalSize: versions.length }
    }),
    DisableSecretVersion: unary((request) => {
      const { name, version } = find(nameSchema.parse(request).name)
      version.state = 'DISABLED'
      return resource(name, version)
    }),
  })
  const port = await promisify(server.bindAsync.bind(server))(
    `127.0.0.1:${options.port}`,
    ServerCredentials.createInsecure(),
  )
  return {
    port,
    host: `127.0.0.1:${port}`,
    versions: (secret) => versionsOf(secret).map(({ value, state }) => ({ value: value.toString(), state })),
    close: async () => server.forceShutdown(),
  }
}

function unary(answer: (request: unknown) => unknown): handleUnaryCall<unknown, unknown> {
  return ({ request }, callback) => {
    try {
      callback(null, answer(request))
    } catch (error) {
      const code = error instanceof Refusal ? error.code : status.INVALID_ARGUMENT
      callback({ code, details: error instanceof Error ? error.message : String(error) })
    }
  }
}

/** The service as the client's own package describes it. */
function secretManagerService(): ServiceDefinition {
  const client = createRequire(join(import.meta.dirname, 'index.ts')).resolve('@google-cloud/secret-manager')
  const file = join(dirname(client), '../protos/protos.json')
  const protos = z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(file, 'utf8')))
  const options = { enums: String, longs: Number, defaults: true, oneofs: true }
  const definition = fromJSON(protos, options)['google.cloud.secretmanager.v1.SecretManagerService']
  if (definition === undefined || 'format' in definition) throw new Error(`${file} lacks the service`)
  return definition
}
