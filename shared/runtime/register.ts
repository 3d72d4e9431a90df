import { type HttpFunction, http } from '@google-cloud/functions-framework'
import { ConfigurationError, type ProcessConfig } from '../config/index.ts'
import { createLog, type Log } from '../logging/index.ts'
import { runWithoutDomains } from './domains.ts'
import type { Environment, Host } from './host.ts'

/** What every function is put together with. */
export interface FunctionParts extends Pick<Host, 'clock' | 'drain'> {
  readonly log: Log
}

/** A function: how it reads its environment, and how it is put together. */
export interface FunctionDefinition<Config extends ProcessConfig> {
  /** The name it is registered under, and label `function` of its log lines. */
  readonly name: string
  /** @throws {ConfigurationError} */
  parseConfig(env: Environment): Config
  create(config: Config, parts: FunctionParts): HttpFunction
}

/** Registers a function with the functions framework, as {@link createFunction} makes it. */
export function register<Config extends ProcessConfig>(definition: FunctionDefinition<Config>, host: Host): void {
  runWithoutDomains()
  http(definition.name, createFunction(definition, host))
}

/**
 * Puts a function together. With an invalid configuration it answers every request 503 and logs what to set: nothing is
 * lost, since Pub/Sub and Customer.io deliver again, and the alert on errors names the variable, where a process that
 * ends at start would leave only a failed health check.
 */
export function createFunction<Config extends ProcessConfig>(
  { name, parseConfig, create }: FunctionDefinition<Config>,
  { env, output, clock, drain }: Host,
): HttpFunction {
  const logTo = { functionName: name, destination: output, clock }
  let config: Config
  try {
    config = parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return unconfigured(error.message, createLog(logTo))
  }
  const log = createLog({ ...logTo, level: config.logLevel, projectId: config.projectId })
  return create(config, { log, clock, drain })
}

function unconfigured(message: string, log: Log): HttpFunction {
  log.error(message, { event: 'configuration_invalid' })
  return (_request, response) => {
    log.error(message, { event: 'configuration_invalid', answer: 503 })
    response.status(503).send('invalid configuration: the log names what to set')
  }
}
