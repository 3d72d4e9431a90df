import type { status } from '@grpc/grpc-js'

/** A refusal that reaches the client as the gRPC status that Google's server answers in the same case. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.code = code
  }
}
