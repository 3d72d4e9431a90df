/** Where a process is killed: at the call with this number, counted from 1, before it is made or when its answer is there. */
export interface Death {
  readonly call: number
  readonly when: 'before' | 'after'
}

/**
 * Stands between a command and everything outside it, counts the calls that it waits for, and kills it at one of them: that
 * call and all later ones never return. What was under way reaches its end without the command.
 */
export class Mortal {
  /** Each call that was waited for, in order, such as `Topic.publishMessage`. */
  readonly calls: string[] = []
  /** Resolves when it is killed. */
  readonly died: Promise<void>
  isDead = false
  readonly #death: Death | undefined
  /** Which calls are waited for, as a run that was not killed has shown. */
  readonly #awaited: ReadonlySet<string>
  readonly #die: () => void
  readonly #isCounted: (name: string) => boolean
  readonly #raw = new WeakMap<object, object>()
  readonly #wrapped = new WeakMap<object, object>()

  /** @param isCounted false for calls that ask nobody */
  constructor(counted: readonly string[] = [], death?: Death, isCounted: (name: string) => boolean = () => true) {
    this.#isCounted = isCounted
    const { promise, resolve } = Promise.withResolvers<void>()
    this.died = promise
    this.#die = resolve
    this.#awaited = new Set(counted)
    this.#death = death
  }

  /** The same object for the command: with what it gives, and what that gives. */
  wrap<T extends object>(target: T): T {
    const known = this.#wrapped.get(target)
    if (known !== undefined) return known as T
    const proxy = new Proxy(target, {
      get: (raw, property) => {
        const value: unknown = Reflect.get(raw, property, raw)
        if (typeof value !== 'function') return this.#given(value)
        const name = `${nameOf(raw)}.${String(property)}`
        return (...args: unknown[]) => this.#call(name, () => Reflect.apply(value, raw, args.map(this.#unwrap)))
      },
    })
    this.#wrapped.set(target, proxy)
    this.#raw.set(proxy, target)
    return proxy
  }

  #call(name: string, work: () => unknown): unknown {
    if (this.isDead) return NEVER
    const isCounted = this.#isCounted(name)
    const isLast = isCounted && this.#awaited.has(name) && this.calls.length + 1 === this.#death?.call
    if (isLast && this.#death?.when === 'before') return this.#kill(name)
    const result = work()
    if (!isThenable(result)) return this.#given(result)
    if (isCounted) this.calls.push(name)
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        if (this.isDead) return
        if (isLast) this.#kill(name)
        else then()
      }
      result.then(
        (value: unknown) => settle(() => resolve(this.#given(value))),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }

  #kill(name: string): Promise<never> {
    this.calls.push(name)
    this.isDead = true
    this.#die()
    return NEVER
  }

  /** What is only data is handed over as it is. */
  #given(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#given(each))
    return isService(value) ? this.wrap(value) : value
  }

  readonly #unwrap = (value: unknown): unknown => {
    return typeof value === 'object' && value !== null ? (this.#raw.get(value) ?? value) : value
  }
}

const NEVER = new Promise<never>(() => {})

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function nameOf(target: object): string {
  const { name } = target.constructor
  return name === 'Object' ? 'connection' : name
}

/** Clients and what they give to call further; rows, messages, records and times are data. */
function isService(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isThenable(value)) return false
  if (value instanceof Uint8Array || value instanceof Date || value instanceof Map || value instanceof Set) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    return !/Timestamp|Snapshot|Error|AbortSignal/.test(nameOf(value))
  return Object.values(value).some((each) => typeof each === 'function')
}
