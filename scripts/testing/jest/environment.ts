import type { JestEnvironment } from '@jest/environment'
import { ModuleMocker } from 'jest-mock'

/**
 * Runs suites in the worker's own context, so that the packages which `runtime.ts` loads once serve all of its suites: with a
 * context per suite, as Jest has by default, an error of a package is no `Error` of the test. What a suite changes in the
 * globals and in `process.env` is put back when it ends. Time is passed in, so there are no fake timers.
 */
export default class OneContext implements Omit<JestEnvironment, 'global' | 'moduleMocker'> {
  readonly global = globalThis
  readonly moduleMocker = new ModuleMocker(globalThis)
  readonly fakeTimers = null
  readonly fakeTimersModern = null
  readonly #variables = { ...process.env }
  readonly #globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis))
  readonly #process = { exit: process.exit, getBuiltinModule: process.getBuiltinModule }

  readonly exportConditions = () => ['node', 'node-addons']
  readonly getVmContext = () => null
  async setup(): Promise<void> {}

  async teardown(): Promise<void> {
    for (const [name, before] of this.#globals)
      if (before.configurable && before.writable && Reflect.get(globalThis, name) !== before.value)
        Object.defineProperty(globalThis, name, before)
    // Jest replaces both for each suite.
    Object.assign(process, this.#process)
    restoreVariables(this.#variables)
    // Else Jest would also tell the handlers of this suite of what happens in the next.
    Reflect.deleteProperty(globalThis, Symbol.for('EVENT_HANDLERS'))
  }
}

function restoreVariables(before: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  for (const [name, value] of Object.entries(before)) if (process.env[name] !== value) process.env[name] = value
}
