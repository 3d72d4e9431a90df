import { createRequire, isBuiltin } from 'node:module'
import { compileFunction, constants } from 'node:vm'
import type JestRuntime from 'jest-runtime'

// As CommonJS, which its types describe.
const { default: Runtime }: typeof JestRuntime = createRequire(import.meta.url)('jest-runtime')

/**
 * Loads packages once per worker, as Node does, and only the project's own modules for each suite again. Jest loads the Google
 * clients, zod and itself for every suite: a third of the CPU of all tests.
 */
export default class SharedPackages extends Runtime {
  constructor(...parameters: ConstructorParameters<typeof Runtime>) {
    super(...parameters)
    const { executor }: { readonly executor: Executor } = Reflect.get<object, string>(this, 'cjsLoader')
    const names = executor.injectedModuleParameters
    // In the context that the packages are loaded in (environment.ts).
    executor.compile = (source, filename) =>
      compileFunction(source, names, {
        filename,
        importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      })
  }

  override requireModuleOrMock<T = unknown>(from: string, name: string): T {
    return isPackage(name) ? createRequire(from)(name) : super.requireModuleOrMock(from, name)
  }

  /** What Jest itself takes, such as `expect`. */
  override requireInternalModule<T = unknown>(from: string, to?: string): T {
    return to !== undefined && isPackage(to) ? createRequire(from)(to) : super.requireInternalModule(from, to)
  }

  override setMock(from: string, name: string, ...mock: [() => unknown, { virtual?: boolean }?]): void {
    if (isPackage(name))
      throw new Error(`jest.mock('${name}'): all suites share the packages; pass in what a test replaces`)
    super.setMock(from, name, ...mock)
  }
}

/** What Jest compiles modules by: no part of its published types. */
interface Executor {
  readonly injectedModuleParameters: readonly string[]
  compile(source: string, filename: string): unknown
}

const isPackage = (name: string) => !/^[./]/.test(name) && !isBuiltin(name) && name !== '@jest/globals'
