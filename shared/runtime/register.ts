import type { IncomingMessage, ServerResponse } from 'node:http'
import { http } from '@google-cloud/functions-framework'
import { ConfigurationError, doubtfulSettings, type ProcessConfig } from '../config/index.ts'
import type { Exchange } from '../customerio/index.ts'
import { type Endpoints, endpointsOf } from '../google-api/index.ts'
import { createLog, type Log } from '../logging/index.ts'
import { workAroundExpress } from './around-express.ts'
import type { Drain } from './drain.ts'
import type { Environment, Host } from './host.ts'
import { answerWithText, type RequestHandler } from './request-handler.ts'

/** What every function is put together with. */
export interface FunctionParts extends Pick<Host, 'clock' | 'random' | 'caughtUp'> {
  readonly log: Log
  readonly timeLeftMs: Drain['timeLeftMs']
  /** Of Google's APIs. */
  readonly endpoints: Endpoints
  /** With Customer.io, unless over HTTP. */
  readonly exchange?: Exchange | undefined
}

/** A function: how it reads its environment, and how it is put together. */
export interface FunctionDefinition<Config extends ProcessConfig> {
  /** The name it is registered under, and label `function` of its log lines. */
  readonly name: string
  /** @throws {ConfigurationError} */
  parseConfig(env: Environment): Config
  create(config: Config, parts: FunctionParts): RequestHandler
}

/**
 * Registers a function with the functions framework, with everything in place that works around it (README.md). The
 * function reads the bodies of its requests by itself, with a `BodyReader`.
 */
export function register<Config extends ProcessConfig>(definition: FunctionDefinition<Config>, host: Host): void {
  workAroundExpress()
  http(definition.name, untilShutdown(host.drain, createFunction(definition, host)))
}

/** The function as long as the process takes requests, then 503, which makes the sender try another instance. */
export function untilShutdown(drain: Drain, handler: RequestHandler): RequestHandler {
  return (request, response) => {
    if (drain.begin(request, response)) return rejecting(handler, request, response)
    answerWithText(response, 503, 'shutting down', { Connection: 'close' })
  }
}

/** What a handler throws at once would end the process: nothing catches it (domains.ts). As a rejection it is answered 500. */
function rejecting(
  handler: RequestHandler,
  request: IncomingMessage,
  response: ServerResponse,
): ReturnType<RequestHandler> {
  try {
    return handler(request, response)
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * Puts a function together. With an invalid configuration it answers every request 503 and logs what to set: nothing is
 * lost, since Pub/Sub and Customer.io deliver again, and the alert on errors names the variable, where a process that
 * ends at start would leave only a failed health check.
 */
export function createFunction<Config extends ProcessConfig>(
  { name, parseConfig, create }: FunctionDefinition<Config>,
  { env, output, clock, random, drain, caughtUp, network }: Host,
): RequestHandler {
  const logTo = { functionName: name, destination: output, clock }
  let config: Config
  try {
    config = parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return unconfigured(error.message, createLog(logTo))
  }
  const log = createLog({ ...logTo, level: config.logLevel, projectId: config.projectId })
  // At the default level: a warning about the level must not be hidden by it.
  for (const problem of doubtfulSettings(env)) createLog(logTo).warning(problem, { event: 'setting_doubtful' })
  return create(config, {
    ...{ log, clock, random, caughtUp },
    timeLeftMs: drain.timeLeftMs,
    endpoints: endpointsOf(env, network?.connect),
    exchange: network?.exchange,
  })
}

function unconfigured(message: string, log: Log): RequestHandler {
  log.error(message, { event: 'configuration_invalid' })
  return (_request, response) => {
    log.error(message, { event: 'configuration_invalid', answer: 503 })
    answerWithText(response, 503, 'invalid configuration: the log names what to set')
  }
}
