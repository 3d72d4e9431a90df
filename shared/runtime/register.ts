import { type HttpFunction, http } from '@google-cloud/functions-framework'
import { ConfigurationError } from '../config/index.ts'
import { createLog, type Log } from '../logging/index.ts'
import { runWithoutDomains } from './domains.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Registers a function under its name. With an invalid configuration it answers every request 503 and logs what to
 * set: nothing is lost, since Pub/Sub and Customer.io deliver again, and the alert on errors names the variable, where
 * a process that ends at start would leave only a failed health check.
 */
export function register(name: string, env: Environment, create: (env: Environment) => HttpFunction): void {
  runWithoutDomains()
  http(name, configured(name, env, create))
}

/** The function, or what stands in for it while its configuration is invalid. */
export function configured(
  name: string,
  env: Environment,
  create: (env: Environment) => HttpFunction,
  log: Pick<Log, 'error'> = createLog({ functionName: name }),
): HttpFunction {
  try {
    return create(env)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const { message } = error
    log.error(message, { event: 'configuration_invalid' })
    return (_request, response) => {
      log.error(message, { event: 'configuration_invalid', answer: 503 })
      response.status(503).send('invalid configuration: the log names what to set')
    }
  }
}
