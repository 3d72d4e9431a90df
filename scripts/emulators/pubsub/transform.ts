import { createContext, Script } from 'node:vm'
import type { StoredMessage } from './message.ts'
import type { Api } from './protos.ts'
import { invalidArgument } from './refusals.ts'

/** Pub/Sub's limits: https://docs.cloud.google.com/pubsub/docs/smts/udfs-overview#limitations */
const CODE_BYTES = 20_000
const RUN_LIMIT_MS = 500

/** What a message became; null when the function filters it out. */
export type Transformed = { readonly data: string; readonly attributes: Readonly<Record<string, string>> } | null

/** Runs a JavaScript function of somebody's on a message. Throws what the function throws, and when it takes too long. */
export type Transform = (message: StoredMessage) => Transformed

/**
 * Reads the user-defined function of a subscription; undefined when it has none. The function sees ECMAScript's own
 * objects and nothing else. Throws INVALID_ARGUMENT for what Pub/Sub refuses or this server cannot do.
 */
export function readTransform(transforms: Api['subscription']['messageTransforms']): Transform | undefined {
  const [first, ...others] = (transforms ?? []).filter(({ disabled }) => !disabled)
  if (first === undefined) return undefined
  const { functionName, code } = first.javascriptUdf ?? {}
  if (others.length > 0 || !functionName || !code) {
    throw invalidArgument('This server runs one message transform per subscription: a JavaScript function.')
  }
  if (Buffer.byteLength(code) > CODE_BYTES) {
    throw invalidArgument(`The code of the function ${functionName} is longer than ${CODE_BYTES} bytes.`)
  }
  return compile(functionName, code)
}

function compile(name: string, code: string): Transform {
  const sandbox: { input: string } = Object.assign(Object.create(null), { input: '' })
  const context = createContext(sandbox)
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw invalidArgument(`Invalid function name: ${name}.`)
  try {
    // Not ECMAScript's, but put there by the engine.
    new Script('delete globalThis.console').runInContext(context)
    new Script(code).runInContext(context, { timeout: RUN_LIMIT_MS })
    new Script(`if (typeof ${name} !== 'function') throw new Error('is missing')`).runInContext(context)
  } catch (error) {
    throw invalidArgument(`The code does not make a function ${name}: ${String(error)}`)
  }
  // Values cross over as text: nothing of this process is within the function's reach.
  const call = new Script(`JSON.stringify(${name}(...JSON.parse(input)) ?? null)`)
  return ({ data, attributes, id, publishTimeMs, orderingKey }) => {
    const metadata = {
      message_id: id,
      publish_time: new Date(publishTimeMs).toISOString(),
      ...(orderingKey !== '' && { ordering_key: orderingKey }),
    }
    sandbox.input = JSON.stringify([{ data: data.toString('utf8'), attributes }, metadata])
    const result: Transformed = JSON.parse(call.runInContext(context, { timeout: RUN_LIMIT_MS }))
    if (result !== null && typeof result.data !== 'string') throw new Error(`${name} gave no data`)
    return result && { data: result.data, attributes: result.attributes ?? {} }
  }
}
