/** What works around the functions framework, and how a function is registered with it: README.md. */
export { leaveBodiesUnread, readBody } from './body.ts'
export { type Host, hostOf } from './host.ts'
export { createFunction, type FunctionDefinition, type FunctionParts, register } from './register.ts'
