/** What works around the functions framework, and how a function is registered with it: README.md. */
export { caughtUp } from './caught-up.ts'
export { createDrain } from './drain.ts'
export { type Host, hostOf, type Network } from './host.ts'
export { type Body, createBodyReader, type UnreadReason } from './read-body.ts'
export { createFunction, type FunctionDefinition, type FunctionParts, register, untilShutdown } from './register.ts'
export { answerWithText, headerOf, type RequestHandler } from './request-handler.ts'
export { leaveBodiesUnread } from './unread-body.ts'
