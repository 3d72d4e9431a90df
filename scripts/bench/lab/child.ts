import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { z } from 'zod'

/** A process of the bench's own, a sink or the load generator, that is asked one thing at a time. */
export class Helper {
  readonly #child: ChildProcess
  readonly #file: string

  private constructor(child: ChildProcess, file: string) {
    this.#child = child
    this.#file = file
  }

  /** Starts the program with its options; resolves with it and what it says once it is ready. */
  static async start<T>(file: string, options: object, ready: z.ZodType<T>): Promise<{ helper: Helper; ready: T }> {
    const child = fork(file, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const helper = new Helper(child, file)
    return { helper, ready: ready.parse(await helper.#said()) }
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.#file} was not started`)
    return pid
  }

  async ask<T>(question: object, answer: z.ZodType<T>): Promise<T> {
    const said = this.#said()
    this.#child.send(question)
    return answer.parse(await said)
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  async #said(): Promise<unknown> {
    const stop = new AbortController()
    try {
      const answer = once(this.#child, 'message', { signal: stop.signal }).then(([message]): unknown => message)
      const end = once(this.#child, 'exit', { signal: stop.signal }).then(([code]) => {
        throw new Error(`${this.#file} ended with code ${code}`)
      })
      return await Promise.race([answer, end])
    } finally {
      stop.abort()
    }
  }
}

/** The other side, within the helper: says that it is ready and answers questions one after the other. */
export async function serveBench(ready: object, answer: (question: unknown) => Promise<object>): Promise<void> {
  const say = (message: object) => process.send?.(message)
  process.on('message', (question) => void answer(question).then(say))
  // The bench is gone, so nobody needs this process.
  process.on('disconnect', () => process.exit())
  say(ready)
}
