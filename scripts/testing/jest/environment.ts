import { configureGlobal } from 'fast-check'
import { ModuleMocker } from 'jest-mock'

/** Keeps the Google clients from asking for a metadata server that no test machine has. */
process.env.METADATA_SERVER_DETECTION = 'none'

/**
 * Properties draw the same values in every run. `FAST_CHECK_SEED=$RANDOM npm test -- SUITE` draws others; a failure
 * prints its seed.
 */
configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) })

/** Where Jest keeps the timeout of a suite, and the handlers of its events. */
const TIMEOUT = Symbol.for('TEST_TIMEOUT_SYMBOL')
const HANDLERS = Symbol.for('EVENT_HANDLERS')

/**
 * Runs suites in Node's own context, one after the other in a worker, with the modules that `runtime.ts` imports once. When a
 * suite ends, what it changed in the globals, in `process.env` and of the working directory is put back.
 */
export default class NodeEnvironment {
  readonly global = globalThis
  readonly #variables = { ...process.env }
  readonly #directory = process.cwd()
  readonly #globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis))
  readonly #exit = process.exit

  readonly getVmContext = () => null

  async setup(): Promise<void> {
    // Time is passed in and modules are not mocked: functions and a timeout are all that suites take from `jest`.
    const setTimeout = (ms: number) => Reflect.set(globalThis, TIMEOUT, ms)
    Reflect.set(globalThis, 'jest', Object.assign(new ModuleMocker(globalThis), { setTimeout }))
  }

  async teardown(): Promise<void> {
    for (const [name, before] of this.#globals)
      if (before.configurable && before.writable && Reflect.get(globalThis, name) !== before.value)
        Object.defineProperty(globalThis, name, before)
    for (const symbol of [TIMEOUT, HANDLERS]) Reflect.deleteProperty(globalThis, symbol)
    // Jest replaces it for each suite.
    process.exit = this.#exit
    if (process.cwd() !== this.#directory) process.chdir(this.#directory)
    restoreVariables(this.#variables)
  }
}

function restoreVariables(before: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  for (const [name, value] of Object.entries(before)) if (process.env[name] !== value) process.env[name] = value
}
