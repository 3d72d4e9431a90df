import { status } from '@grpc/grpc-js'

/** A refusal that reaches the caller as the gRPC status Google's Pub/Sub answers in the same case. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.code = code
  }
}

export const invalidArgument = (message: string): RpcError => new RpcError(status.INVALID_ARGUMENT, message)
export const notFound = (name: string): RpcError =>
  new RpcError(status.NOT_FOUND, `Resource not found (resource=${name}).`)
export const alreadyExists = (name: string): RpcError =>
  new RpcError(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${name}).`)
