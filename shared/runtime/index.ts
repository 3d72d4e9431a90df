/** What works around the functions framework, and how a function is registered with it: README.md. */
export { type Host, hostOf } from './host.ts'
export { type Body, createBodyReader, type UnreadReason } from './read-body.ts'
export { createFunction, type FunctionDefinition, type FunctionParts, register } from './register.ts'
export { answerWithText, headerOf, type RequestHandler } from './request-handler.ts'
export { leaveBodiesUnread } from './unread-body.ts'
