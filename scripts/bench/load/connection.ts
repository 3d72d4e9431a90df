import { connect, type Socket } from 'node:net'

/** The status of an answer; 0 when the connection ended before there was one. */
export type OnAnswer = (status: number) => void

const END_OF_HEAD = '\r\n\r\n'

/**
 * One keep-alive HTTP/1.1 connection that sends ready-made bytes and reads no more of an answer than its status and
 * where it ends: about a tenth of what a general client costs, so that a core makes more load than an instance can take.
 */
export class Connection {
  readonly #port: number
  #socket: Socket | undefined
  #held: Buffer = Buffer.alloc(0)
  #onAnswer: OnAnswer | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Sends one request. The one before must have been answered. */
  send(request: Buffer, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer
    this.#socket ??= this.#open()
    this.#socket.write(request)
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {}) // followed by close
    socket.on('close', () => {
      this.#socket = undefined
      this.#held = Buffer.alloc(0)
      this.#settle(0)
    })
    return socket
  }

  #read(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const status = statusOfWhole(this.#held)
    if (status === undefined) return
    this.#held = Buffer.alloc(0)
    this.#settle(status)
  }

  #settle(status: number): void {
    const settle = this.#onAnswer
    this.#onAnswer = undefined
    settle?.(status)
  }
}

/** The status, once the answer is complete. Answers without a length are not understood: none of ours is. */
function statusOfWhole(held: Buffer): number | undefined {
  const headBytes = held.indexOf(END_OF_HEAD)
  if (headBytes < 0) return undefined
  const head = held.toString('latin1', 0, headBytes)
  const status = Number(head.slice(9, 12))
  const bodyBytes = status === 204 ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1])
  if (Number.isNaN(bodyBytes)) throw new Error(`an answer without a length: ${head}`)
  return held.length >= headBytes + END_OF_HEAD.length + bodyBytes ? status : undefined
}
