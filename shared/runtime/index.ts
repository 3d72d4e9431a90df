/** What works around the functions framework, and how a function is registered with it. */
export { leaveBodiesUnread, readBody, servesOnly } from './body.ts'
export { runWithoutDomains } from './domains.ts'
export { createDrain, type Drain, type DrainProcess } from './drain.ts'
export { type Host, hostOf } from './host.ts'
export { createFunction, type FunctionDefinition, type FunctionParts, register } from './register.ts'
