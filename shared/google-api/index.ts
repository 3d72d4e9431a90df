/** Google's APIs as functions call them: gRPC without Google's clients, which would take most of a cold start. README.md. */
export { type ChannelOptions, createChannel } from './channel.ts'
export type { Call, Connect } from './connection.ts'
export { type Endpoints, endpointsOf } from './endpoint.ts'
export { type OutgoingMessage, publish } from './publish.ts'
export { GrpcError, STATUS } from './status.ts'
export { fieldsOf, MessageWriter } from './wire.ts'
