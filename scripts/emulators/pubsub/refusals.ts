import { status } from '@grpc/grpc-js'
import { RpcError } from '../rpc-error.ts'

export const invalidArgument = (message: string): RpcError => new RpcError(status.INVALID_ARGUMENT, message)
export const notFound = (name: string): RpcError =>
  new RpcError(status.NOT_FOUND, `Resource not found (resource=${name}).`)
export const alreadyExists = (name: string): RpcError =>
  new RpcError(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${name}).`)
